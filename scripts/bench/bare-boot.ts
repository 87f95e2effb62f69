/** The peer of an instance: the same machine with the minimum around it, up to the same console line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  deviceArguments,
  firmwareArguments,
  isolationArguments,
  machineArguments,
  mediumArguments,
  payloadArguments,
} from '../../harness/qemu/argv.ts';
import type { MachineSpec } from '../../harness/qemu/machine-spec.ts';

export class BareBootError extends Error {
  override readonly name = 'BareBootError';
}

const BARE_BOOT_MS = 120_000;

/**
 * The harness's argv without its sockets: the serial port is QEMU's standard output, no monitor and no gdbstub, the
 * machine runs at once, and our loader's ring at hand-off does not hold it.
 */
export function bareArguments(spec: MachineSpec, variables: string): string[] {
  const wiring = { qmpSocket: '', serialPipe: '', gdbSocket: '', variables };
  return [
    ...machineArguments(spec),
    ...isolationArguments(),
    ...firmwareArguments(spec, wiring),
    ...mediumArguments(spec),
    ...payloadArguments(spec),
    ...deviceArguments(),
    ...['-serial', 'stdio', '-monitor', 'none'],
    ...['-no-reboot', '-no-shutdown', '-action', 'panic=none'],
  ];
}

/**
 * Wall time, in ms, from nothing to a machine that has said its last word and is gone.
 * @param lastWord a line of its console.
 * @throws BareBootError where QEMU ends, or time passes, without that word.
 */
export async function bareBoot(
  qemu: string,
  spec: MachineSpec,
  folder: string,
  lastWord: RegExp,
): Promise<number> {
  const started = performance.now();
  const variables = join(folder, 'variables.fd');
  if (spec.firmware.kind === 'efi') await copyFile(spec.firmware.variablesTemplate, variables);
  const child = spawn(qemu, bareArguments(spec, variables), { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const timer = setTimeout(kill, BARE_BOOT_MS);
  const exited = once(child, 'exit');
  let line = '';
  let wasSaid = false;
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (line + chunk.toString('latin1')).split(/\r*\n/);
    line = lines.pop() ?? '';
    wasSaid ||= [...lines, line].some((text) => lastWord.test(text));
    if (wasSaid) kill();
  });
  await exited;
  clearTimeout(timer);
  process.removeListener('exit', kill);
  if (!wasSaid) throw new BareBootError(`bare QEMU did not get to the console line; the last was: ${line}`);
  return performance.now() - started;
}
