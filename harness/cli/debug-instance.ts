/** What `loadbase debug` does once its options are read. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { hex } from '../bits/hex.ts';
import { BootSession } from '../boot/boot-session.ts';
import { stopAtFirstCheckpoint } from '../boot/debug-stop.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { findProgram } from '../qemu/binary.ts';
import { gdbArguments, bootPieces } from '../scenario/debug-pieces.ts';
import { writePayloadDrive } from '../image/payload-drive.ts';
import type { DebugOptions } from './run-options.ts';
import { EXIT } from './exit-codes.ts';
import { interruptSignal } from './interrupt.ts';
import { prepareInstance } from './prepared-instance.ts';
import { complain, searchPath, standardOutput } from './surroundings.ts';

const BOOT_MS = 120_000;

export async function debugInstance(name: string, options: DebugOptions): Promise<number> {
  const signal = interruptSignal();
  const { planned, artifacts, directory, from } = await prepareInstance('debug', name, options, signal);
  const pieces = bootPieces(planned, artifacts);
  const payload = join(directory, 'payload.tar');
  await writePayloadDrive(payload, pieces.payload);
  const deadline = Deadline.in(BOOT_MS);
  await using session = await BootSession.launch({
    qemu: artifacts.qemu.path,
    spec: { ...planned.spec, payload },
    directory,
    deadline,
    driver: pieces.driver,
    from,
    signal,
  });
  const stop = await stopAtFirstCheckpoint(session, pieces.driver, deadline);
  if (stop.kind === 'ended') {
    complain(`${name} ended before its first checkpoint (${stop.end.kind}); its logs are in ${directory}`);
    return EXIT.failed;
  }
  const argv = gdbArguments({
    gdbSocket: session.machine.gdbSocket,
    loadBase: pieces.loadBase(stop.loader),
    subject: planned.subject,
  });
  const output = standardOutput();
  output.write(
    `stopped at “${stop.at.name}”, ${hex(stop.at.address)}; console: ${join(directory, 'serial.log')}\n`,
  );
  output.write(`  gdb ${argv.map((word) => (/[ '"]/.test(word) ? `'${word}'` : word)).join(' ')}\n`);
  if (options.gdb && output.isTerminal && process.stdin.isTTY) return openGdb(argv);
  output.write('the machine waits; Ctrl-C ends it\n');
  await Promise.race([session.machine.process.exited, ...(signal.aborted ? [] : [once(signal, 'abort')])]);
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}

/** gdb has the terminal until it is left; Ctrl-C is its own then. */
async function openGdb(argv: readonly string[]): Promise<number> {
  const gdb = await findProgram('gdb', searchPath());
  if (gdb === undefined) {
    complain('gdb is not installed. On Debian: apt-get install gdb');
    return EXIT.host;
  }
  process.removeAllListeners('SIGINT');
  process.on('SIGINT', () => undefined);
  const child = spawn(gdb, argv, { stdio: 'inherit' });
  await once(child, 'exit');
  return EXIT.ok;
}
