/**
 * Launch … shutdown of one machine: a process group, a private socket folder, and the three streams that the protocol
 * clients and the console get. QEMU connects to our sockets for QMP and serial, so nothing is polled for.
 */
import { copyFile } from 'node:fs/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { Releases } from '../lifetime/releases.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import { launchGroup, type ProcessGroup } from '../process/process-group.ts';
import type { ProcessExit } from '../process/spawn-group.ts';
import { QmpClient } from '../qmp/qmp-client.ts';
import { createSocketFolder } from '../workdir/socket-folder.ts';
import { qemuArguments } from './argv.ts';
import type { MachineSpec, MachineWiring } from './machine-spec.ts';

/** QEMU ended before or while it was being connected: its own words say why. */
export class QemuStartError extends Error {
  override readonly name = 'QemuStartError';
  constructor(
    readonly exit: ProcessExit,
    readonly stderr: string,
    readonly stderrPath: string,
  ) {
    const how = exit.kind === 'exit' ? `exited with ${exit.code}` : `was ended by ${exit.signal}`;
    super(`QEMU ${how} before it could be talked to: ${stderr.trim() || 'it said nothing'} (${stderrPath})`);
  }
}

export interface LaunchOptions {
  readonly qemu: string;
  readonly spec: MachineSpec;
  readonly stderrPath: string;
  readonly deadline: Deadline;
  /** Told each QMP line as it passes. */
  readonly onQmpLine?: (direction: 'send' | 'receive', text: string) => void;
  /** Told the whole command line once, before QEMU is started. */
  readonly onArgv?: (argv: readonly string[]) => void;
}

/** A machine that is there and frozen at its reset vector until `qmp.execute('cont')`. */
export interface Machine extends AsyncDisposable {
  readonly spec: MachineSpec;
  readonly process: ProcessGroup;
  readonly qmp: QmpClient;
  readonly serial: Socket;
  readonly gdbSocket: string;
  /** A new connection to QEMU's gdbstub. Opening it stops the machine. */
  connectGdb(deadline: Deadline): Promise<Socket>;
}

/**
 * @throws QemuStartError, DeadlineError, and what QmpClient.connect throws.
 */
export async function launchMachine(options: LaunchOptions): Promise<Machine> {
  const releases = new Releases();
  try {
    return await assemble(options, releases);
  } catch (error) {
    await releases[Symbol.asyncDispose]();
    throw error;
  }
}

async function assemble(options: LaunchOptions, releases: Releases): Promise<Machine> {
  const { spec, deadline } = options;
  const folder = releases.use('the socket folder', await createSocketFolder());
  const wiring = wiringIn(folder.path);
  if (spec.firmware.kind === 'efi') await copyFile(spec.firmware.variablesTemplate, wiring.variables);
  const qmpListener = await listen(wiring.qmpSocket, releases);
  const serialListener = await listen(wiring.serialSocket, releases);

  const argv = qemuArguments(spec, wiring);
  options.onArgv?.([options.qemu, ...argv]);
  const process = await launchGroup(options.qemu, argv, { stderrPath: options.stderrPath });
  // SIGKILL at once: every drive is read-only or this machine's own, so there is nothing to flush.
  releases.add('QEMU', () => process.terminate({ graceMs: 0 }));

  const ended = process.exited.then((exit) => {
    throw new QemuStartError(exit, process.stderrTail(), options.stderrPath);
  });
  ended.catch(() => undefined);
  const connected = Promise.all([qmpListener.connection, serialListener.connection]);
  const [qmpStream, serial] = await deadline.wait(
    Promise.race([connected, ended]),
    'QEMU to connect its monitor and serial port',
  );
  releases.add('the serial stream', () => serial.destroy());
  releases.add('the QMP stream', () => qmpStream.destroy());
  const handshake = QmpClient.connect(qmpStream, {
    deadline,
    ...(options.onQmpLine ? { onLine: options.onQmpLine } : {}),
  });
  const qmp = await Promise.race([handshake, ended]);
  return {
    spec,
    process,
    qmp,
    serial,
    gdbSocket: wiring.gdbSocket,
    connectGdb: (within) => connectTo(wiring.gdbSocket, within),
    [Symbol.asyncDispose]: () => releases[Symbol.asyncDispose](),
  };
}

function wiringIn(folder: string): MachineWiring {
  return {
    qmpSocket: join(folder, 'qmp'),
    serialSocket: join(folder, 'serial'),
    gdbSocket: join(folder, 'gdb'),
    variables: join(folder, 'variables.fd'),
  };
}

/** A socket that takes exactly one connection. */
async function listen(path: string, releases: Releases): Promise<{ connection: Promise<Socket> }> {
  const server: Server = createServer({ pauseOnConnect: false });
  const connection = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => undefined);
      server.close();
      resolve(socket);
    });
  });
  server.listen(path);
  releases.add(`the listener at ${path}`, () => server.close());
  await once(server, 'listening');
  return { connection };
}

async function connectTo(path: string, deadline: Deadline): Promise<Socket> {
  const socket = connect(path);
  await deadline.wait(once(socket, 'connect'), `QEMU's gdbstub at ${path}`);
  socket.on('error', () => undefined);
  return socket;
}
