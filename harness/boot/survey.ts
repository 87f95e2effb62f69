/**
 * The memory map of one firmware on one machine, from a boot that ends before anything is loaded. It is asked once per
 * firmware, machine, memory, QEMU and medium and remembered, for bases are chosen from it before the first real boot.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writePayloadDrive } from '../image/payload-drive.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import { digestOfInputs, type KeyInputs } from '../toolchain/digest.ts';
import { writeFileAtomic } from '../workdir/atomic-file.ts';
import { makeFolder } from '../workdir/run-folder.ts';
import type { BootEnd } from './boot-end.ts';
import { BootSession } from './boot-session.ts';
import { endInWords } from './end-in-words.ts';

export interface Survey {
  readonly memoryMap: readonly MemoryRegion[];
  readonly durationMs: number;
}

export interface SurveyRequest {
  readonly qemu: string;
  /** Without its payload, which is the survey's own. */
  readonly spec: Omit<MachineSpec, 'payload'>;
  /** Evidence of the survey boot goes here. */
  readonly directory: string;
  readonly deadline: Deadline;
  /** Aborting ends the boot. */
  readonly signal?: AbortSignal;
}

/** The survey boot did not end in a memory map: the host, the firmware or the accelerator is at fault. */
export class SurveyError extends Error {
  override readonly name = 'SurveyError';
  constructor(
    readonly end: BootEnd,
    directory: string,
    lastLine: string | undefined,
  ) {
    super(
      `the survey boot ended without a memory map (${endInWords(end)}${lastLine ? `; last console line: ${lastLine}` : ''}); ` +
        `its logs are in ${directory}`,
    );
  }
}

/** @throws SurveyError, UnwritableFolderError, NoSpaceError, and what BootSession.launch throws; the signal's reason on abort. */
export async function survey(request: SurveyRequest): Promise<Survey> {
  try {
    return await bootSurvey(request);
  } catch (error) {
    // A machine that we ended ourselves has failed at nothing.
    request.signal?.throwIfAborted();
    throw error;
  } finally {
    await rm(payloadIn(request.directory), { force: true }).catch(() => undefined);
  }
}

const payloadIn = (directory: string): string => join(directory, 'payload.tar');

async function bootSurvey(request: SurveyRequest): Promise<Survey> {
  const started = performance.now();
  await makeFolder(request.directory);
  const payload = payloadIn(request.directory);
  await writePayloadDrive(payload, { choice: { choice: 'survey', mode: 'survey' } });
  await using session = await BootSession.launch({
    qemu: request.qemu,
    spec: { ...request.spec, payload },
    directory: request.directory,
    deadline: request.deadline,
    ...(request.signal ? { signal: request.signal } : {}),
  });
  const { end, loader } = await session.run();
  if (end.kind !== 'survey' || !loader?.memoryMap)
    throw new SurveyError(end, request.directory, session.console.lastLines(1)[0]);
  return { memoryMap: loader.memoryMap, durationMs: performance.now() - started };
}

const FORMAT = 1;

/** Surveys by everything that can change them, below `<cacheRoot>/surveys/`. */
export class SurveyStore {
  constructor(readonly cacheRoot: string) {}

  /** The remembered survey; undefined where there is none or it cannot be read. */
  async find(inputs: KeyInputs): Promise<Survey | undefined> {
    try {
      const found = JSON.parse(await readFile(this.#path(inputs), 'utf8')) as Partial<Survey> | null;
      return Array.isArray(found?.memoryMap) ? (found as Survey) : undefined;
    } catch {
      return undefined;
    }
  }

  async keep(inputs: KeyInputs, found: Survey): Promise<void> {
    await makeFolder(join(this.cacheRoot, 'surveys'));
    await writeFileAtomic(this.#path(inputs), JSON.stringify(found));
  }

  #path(inputs: KeyInputs): string {
    return join(this.cacheRoot, 'surveys', `${digestOfInputs({ format: FORMAT, ...inputs })}.json`);
  }
}
