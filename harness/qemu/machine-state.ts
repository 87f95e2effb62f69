/**
 * A stopped machine as files, and back: QEMU's migration stream for the devices, RAM beside it. RAM that is a shared file
 * stays out of the stream (x-ignore-shared), so loading takes milliseconds and each machine gets pages of its own.
 * Source: QEMU 7.2 docs/devel/migration.rst; qapi/migration.json (`x-ignore-shared`, `events`); migration/ram.c.
 */
import { open, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Deadline } from '../lifetime/deadline.ts';
import type { QmpClient } from '../qmp/qmp-client.ts';
import type { QmpEvent } from '../qmp/event-history.ts';
import { MIB } from '../bits/align.ts';
import type { RamExtent } from './guest-ram.ts';
import type { MachineSpec } from './machine-spec.ts';

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

/** QEMU began to save or to load and gave up; where it was to load, it ends and its stderr says why. */
export class MigrationFailedError extends Error {
  override readonly name = 'MigrationFailedError';
  constructor() {
    super('QEMU says that its migration failed');
  }
}

/** This QEMU knows nothing of what is needed to put any machine into files. */
export class UnsavableError extends Error {
  override readonly name = 'UnsavableError';
  constructor(cause: Error) {
    super(`this QEMU cannot put a machine into files: ${cause.message}`, { cause });
  }
}

/** No memory file system of this host has room for the machine's RAM now: its state may be as good as any. */
export class NoRoomForRamError extends Error {
  override readonly name = 'NoRoomForRamError';
  constructor(options?: ErrorOptions) {
    super('no memory file system (/dev/shm, or TMPDIR) has room for the machine’s RAM as a file', options);
  }
}

/** Names of the files in a folder of its own. */
export const STATE_FILES = {
  devices: 'devices',
  ram: 'ram',
  extents: 'extents.json',
  variables: 'variables.fd',
} as const;

/** A QEMU that takes longer to say that it will begin hangs. */
const ANSWER_MS = 10_000;

export const CAPABILITIES = ['x-ignore-shared', 'events'].map((capability) => ({ capability, state: true }));

/** What save-machine-state.ts wrote. RAM is read into memory. @throws MachineStateError naming the file that is of no use. */
export async function readMachineState(
  directory: string,
  { firmware, memoryMib }: Pick<MachineSpec, 'firmware' | 'memoryMib'>,
): Promise<MachineState> {
  const file = (name: keyof typeof STATE_FILES) => join(directory, STATE_FILES[name]);
  const text = await readable(file('extents'), (path) => readFile(path, 'utf8'));
  const bytes = await readable(file('ram'), (path) => readFile(path));
  return {
    devices: file('devices'),
    ram: { extents: parseExtents(text, bytes.length, memoryMib * MIB), bytes },
    ...(firmware.kind === 'efi' ? { variables: file('variables') } : {}),
  };
}

/** @throws MachineStateError where the text does not say where each of the bytes stands. */
function parseExtents(text: string, sizeBytes: number, fileSizeBytes: number): RamExtent[] {
  const problem = (what: string) => new MachineStateError(`its ${STATE_FILES.extents} ${what}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new MachineStateError(`its ${STATE_FILES.extents} is no JSON`, { cause });
  }
  if (!Array.isArray(parsed)) throw problem('is no list');
  let [at, sum] = [0, 0];
  for (const { start, end } of parsed as Partial<RamExtent>[]) {
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) throw problem('names no addresses');
    const extent = { start, end } as RamExtent;
    // A file offset is below the memory size, with the hole below 4 GiB left out.
    if (extent.start < at || extent.end <= extent.start || extent.end > fileSizeBytes)
      throw problem('names places that no machine of this memory size has');
    [at, sum] = [extent.end, sum + extent.end - extent.start];
  }
  if (sum !== sizeBytes) throw problem(`is of ${sum} bytes, where its ${STATE_FILES.ram} has ${sizeBytes}`);
  return parsed as RamExtent[];
}

/** A file of a state that is gone, or cannot be read, is a fault of the state. @throws MachineStateError */
export async function readable<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  try {
    return await use(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new MachineStateError(`its ${basename(path)} cannot be read (${code ?? String(cause)})`, { cause });
  }
}

/** The stream as a file that QEMU inherits as its standard input: its sandbox forbids `exec:`. @throws MachineStateError */
export async function openDevices({
  devices,
}: MachineState): Promise<AsyncDisposable & { readonly fd: number }> {
  const file = await readable(devices, (path) => open(path, 'r'));
  return { fd: file.fd, [Symbol.asyncDispose]: () => file.close() };
}

/**
 * Loads the stream on QEMU's standard input. Its RAM is filled already: virtio looks into it while it is loaded.
 * @throws MachineStateError where QEMU refuses and lives; MigrationFailedError, where its end says why. DeadlineError.
 */
export async function loadDevices(qmp: QmpClient, deadline: Deadline): Promise<void> {
  const inTime = { timeoutMs: deadline.cut(ANSWER_MS).remainingMs };
  await asStateError(qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES }, inTime));
  await asStateError(qmp.execute('migrate-incoming', { uri: 'fd:0' }, inTime));
  await settled(qmp, deadline, 0);
}

/** Waits for the end of a migration. Source: qapi/migration.json, MigrationStatus. @throws MigrationFailedError, DeadlineError */
export async function settled(qmp: QmpClient, deadline: Deadline, after: number): Promise<void> {
  const isEnd = ({ name, data }: QmpEvent) =>
    name === 'MIGRATION' && (data['status'] === 'completed' || data['status'] === 'failed');
  const { data } = await qmp.waitForEvent(isEnd, deadline, { after });
  if (data['status'] === 'failed') throw new MigrationFailedError();
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
