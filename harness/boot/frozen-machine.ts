/**
 * One machine, booted until GRUB is ready for its payload and kept in files. Each instance goes on from there as a fork: a
 * QEMU of its own with its own copy of RAM and of the firmware's variables. GRUB has not looked at the payload drive
 * yet, so that a fork with another drive of the same size is a machine that had it from the beginning.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import { readable, readMachineState, type MachineState } from '../qemu/machine-state.ts';

export interface FrozenMachine {
  readonly state: MachineState;
  /** All that it said so far, as it came. */
  readonly console: Uint8Array;
}

/** File in its folder, beside the machine's state. */
export const CONSOLE_FILE = 'console';

/** What freeze.ts wrote into a folder. @throws MachineStateError naming the file that is of no use. */
export async function readFrozenMachine(
  directory: string,
  spec: Pick<MachineSpec, 'firmware' | 'memoryMib'>,
): Promise<FrozenMachine> {
  const [state, console] = await Promise.all([
    readMachineState(directory, spec),
    readable(join(directory, CONSOLE_FILE), (path) => readFile(path)),
  ]);
  return { state, console };
}
