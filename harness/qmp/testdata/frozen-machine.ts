import { type Socket, connect } from 'node:net';
import { join } from 'node:path';
import { Deadline } from '../../lifetime/deadline.ts';
import { poll } from '../../lifetime/poll.ts';
import { Releases } from '../../lifetime/releases.ts';
import { launchGroup } from '../../process/process-group.ts';
import { createSocketFolder } from '../../workdir/socket-folder.ts';

/** A real QEMU with a machine that has not started: no disk, no network, no display. */
export interface FrozenMachine extends AsyncDisposable {
  connect(socket: 'qmp' | 'gdb'): Promise<Socket>;
}

export async function frozenMachine(extraArgs: readonly string[] = []): Promise<FrozenMachine> {
  const releases = new Releases();
  try {
    const folder = releases.use('socket folder', await createSocketFolder());
    const qemu = await launchGroup(
      'qemu-system-x86_64',
      [
        ...['-machine', 'q35', '-accel', 'tcg', '-display', 'none', '-nodefaults', '-nic', 'none', '-S'],
        ...['-no-reboot', '-no-shutdown'],
        ...['-qmp', `unix:${folder.socketPath('qmp')},server=on,wait=off`],
        ...['-chardev', `socket,id=gdb,path=${folder.socketPath('gdb')},server=on,wait=off`],
        ...['-gdb', 'chardev:gdb', ...extraArgs],
      ],
      { stderrPath: join(folder.path, 'stderr'), package: 'qemu-system-x86' },
    );
    releases.use('QEMU', qemu);
    return {
      connect: (socket) =>
        poll(`QEMU's ${socket} socket`, Deadline.in(20_000), () => {
          if (qemu.state === 'exited') throw new Error(`QEMU ended: ${qemu.stderrTail()}`);
          return opened(folder.socketPath(socket));
        }),
      [Symbol.asyncDispose]: () => releases[Symbol.asyncDispose](),
    };
  } catch (error) {
    await releases[Symbol.asyncDispose]();
    throw error;
  }
}

function opened(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(undefined));
  });
}
