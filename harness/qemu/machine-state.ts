/**
 * A stopped machine as files, and back: QEMU's migration stream for the devices, RAM beside it. RAM that is a shared file
 * stays out of the stream (x-ignore-shared), so loading takes milliseconds and each machine gets pages of its own.
 * Source: QEMU 7.2 docs/devel/migration.rst; qapi/migration.json (`x-ignore-shared`, `events`); migration/ram.c.
 */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deadline } from '../lifetime/deadline.ts';
import type { QmpClient } from '../qmp/qmp-client.ts';
import type { QmpEvent } from '../qmp/event-history.ts';
import type { RamExtent } from './guest-ram.ts';

/** RAM that was ever touched: file offsets, and their bytes one after the other. */
export interface RamContents {
  readonly extents: readonly RamExtent[];
  readonly bytes: Uint8Array;
}

/** What a machine goes on from: everything but its drives, which must be of the same kind and size. */
export interface MachineState {
  /** File with QEMU's migration stream. */
  readonly devices: string;
  readonly ram: RamContents;
  /** File with the firmware's variable store; absent with SeaBIOS. */
  readonly variables?: string;
}

/** This QEMU cannot put the machine into files, or not take it back: it must be booted from its reset vector instead. */
export class MachineStateError extends Error {
  override readonly name = 'MachineStateError';
}

/** Names of the files in a folder of its own. */
export const STATE_FILES = {
  devices: 'devices',
  ram: 'ram',
  extents: 'extents.json',
  variables: 'variables.fd',
} as const;

export const CAPABILITIES = ['x-ignore-shared', 'events'].map((capability) => ({ capability, state: true }));

/** What save-machine-state.ts wrote. RAM is read into memory. @throws what reading throws; SyntaxError. */
export async function readMachineState(directory: string, firmware: 'bios' | 'efi'): Promise<MachineState> {
  return {
    devices: join(directory, STATE_FILES.devices),
    ram: {
      extents: JSON.parse(await readFile(join(directory, STATE_FILES.extents), 'utf8')) as RamExtent[],
      bytes: await readFile(join(directory, STATE_FILES.ram)),
    },
    ...(firmware === 'efi' ? { variables: join(directory, STATE_FILES.variables) } : {}),
  };
}

/** The stream as a file that QEMU inherits as its standard input: its sandbox forbids `exec:`. */
export async function openDevices({
  devices,
}: MachineState): Promise<AsyncDisposable & { readonly fd: number }> {
  const file = await open(devices, 'r');
  return { fd: file.fd, [Symbol.asyncDispose]: () => file.close() };
}

/**
 * Loads the stream on QEMU's standard input. Its RAM is filled already: virtio looks into it while it is loaded.
 * @throws MachineStateError where QEMU refuses and lives; where it does not, its end says why. DeadlineError.
 */
export async function loadDevices(qmp: QmpClient, deadline: Deadline): Promise<void> {
  await asStateError(qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES }));
  await asStateError(qmp.execute('migrate-incoming', { uri: 'fd:0' }));
  await settled(qmp, deadline, 0);
}

/** Waits for the end of a migration. Source: qapi/migration.json, MigrationStatus. @throws MachineStateError, DeadlineError */
export async function settled(qmp: QmpClient, deadline: Deadline, after: number): Promise<void> {
  const isEnd = ({ name, data }: QmpEvent) =>
    name === 'MIGRATION' && (data['status'] === 'completed' || data['status'] === 'failed');
  const { data } = await qmp.waitForEvent(isEnd, deadline, { after });
  if (data['status'] === 'failed') throw new MachineStateError('QEMU says that its migration failed');
}

/** What QEMU refuses is something that it cannot do. @throws MachineStateError */
export async function asStateError<T>(command: Promise<T>): Promise<T> {
  try {
    return await command;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'QmpCommandError')
      throw new MachineStateError(cause.message, { cause });
    throw cause;
  }
}
