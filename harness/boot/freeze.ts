/** Boots a machine until GRUB is ready for its payload and keeps it as a frozen machine. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeBlankDrive } from '../image/payload-drive.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import { prepareToSave, saveMachineState } from '../qemu/save-machine-state.ts';
import { makeFolder } from '../workdir/run-folder.ts';
import type { BootEnd } from './boot-end.ts';
import { BootSession } from './boot-session.ts';
import { endInWords } from './end-in-words.ts';
import { CONSOLE_FILE } from './frozen-machine.ts';

export interface FreezeRequest {
  readonly qemu: string;
  readonly spec: Omit<MachineSpec, 'payload'>;
  readonly driveSizeBytes: number;
  /** The frozen machine's files go there; it exists. */
  readonly into: string;
  /** Evidence of the boot goes here. */
  readonly evidence: string;
  readonly deadline: Deadline;
  readonly signal?: AbortSignal;
}

/** The machine ended before GRUB was ready for its payload: whoever boots it cold sees the same. */
export class NotFrozenError extends Error {
  override readonly name = 'NotFrozenError';
  constructor(
    readonly end: BootEnd,
    evidence: string,
  ) {
    super(
      `the boot to be frozen ended before GRUB was ready (${endInWords(end)}); its logs are in ${evidence}`,
    );
  }
}

/** @throws NotFrozenError, MachineStateError, UnsavableError, NoRoomForRamError, and what BootSession.launch throws; the signal's reason on abort. */
export async function freeze(request: FreezeRequest): Promise<void> {
  await makeFolder(request.evidence);
  const payload = join(request.evidence, 'payload');
  await writeBlankDrive(payload, request.driveSizeBytes);
  try {
    await using session = await BootSession.launch({
      qemu: request.qemu,
      spec: { ...request.spec, payload },
      directory: request.evidence,
      deadline: request.deadline,
      ...(request.signal ? { signal: request.signal } : {}),
    });
    const said: Buffer[] = [];
    session.machine.serial.on('data', (chunk: Buffer) => said.push(chunk));
    // Seconds of booting would else come before the answer.
    await prepareToSave(session.machine);
    const end = await session.runToReady();
    if (end) throw new NotFrozenError(end, request.evidence);
    await saveMachineState(session.machine, request.into, request.deadline);
    await writeFile(join(request.into, CONSOLE_FILE), Buffer.concat(said));
  } catch (error) {
    request.signal?.throwIfAborted();
    throw error;
  } finally {
    await rm(payload, { force: true });
  }
}
