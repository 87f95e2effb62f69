import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../process/run.ts';
import {
  firmwareArguments,
  isolationArguments,
  machineArguments,
  mediumArguments,
  payloadArguments,
} from '../../qemu/argv.ts';
import { findEfiFirmware } from '../../qemu/firmware.ts';
import type { MachineSpec } from '../../qemu/machine-spec.ts';
import { packPayload, type Payload } from '../payload.ts';

export interface BareBoot {
  readonly firmware: 'bios' | 'efi';
  readonly machine?: 'q35' | 'pc';
  readonly medium: MachineSpec['medium'];
  readonly payload: Payload | Buffer;
  /** Whether pvpanic is there: ringing it then ends the machine. */
  readonly pvpanic: boolean;
}

export interface BareBootEnd {
  /** COM1, without carriage returns and escape sequences. */
  readonly console: string;
  /** What the guest wrote to port 0xe9. */
  readonly debugPort: Buffer;
}

/** QEMU with nothing around it but a pipe: boots until the guest halts, resets or rings pvpanic. */
export async function bareBoot(boot: BareBoot, folder: string): Promise<BareBootEnd> {
  const machine = boot.machine ?? 'q35';
  const payload = join(folder, 'payload.tar');
  const variables = join(folder, 'variables.fd');
  const debugPort = join(folder, 'debug-port');
  await writeFile(payload, Buffer.isBuffer(boot.payload) ? boot.payload : await packPayload(boot.payload));
  const firmware = boot.firmware === 'efi' ? await findEfiFirmware(machine) : ({ kind: 'bios' } as const);
  if (firmware.kind === 'efi') await copyFile(firmware.variablesTemplate, variables);
  const { medium } = boot;
  const spec: MachineSpec = { machine, accelerator: 'tcg', memoryMib: 256, firmware, medium, payload };
  const wiring = { qmpSocket: '', serialPipe: '', gdbSocket: '', variables };
  const { stdout } = await run(
    'qemu-system-x86_64',
    [
      ...machineArguments(spec),
      ...isolationArguments(),
      ...firmwareArguments(spec, wiring),
      ...mediumArguments(spec),
      ...payloadArguments(spec),
      ...(boot.pvpanic ? ['-device', 'pvpanic,ioport=0x505', '-action', 'panic=shutdown'] : []),
      ...['-no-reboot', '-serial', 'stdio', '-debugcon', `file:${debugPort}`],
    ],
    { timeoutMs: 90_000, package: 'qemu-system-x86' },
  );
  // eslint-disable-next-line no-control-regex
  const console = stdout.replace(/\r|\x1b\[[0-9;?=]*[A-Za-z]/g, '');
  return { console, debugPort: await readFile(debugPort) };
}
