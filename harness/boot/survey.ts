/**
 * The memory map of one firmware on one machine, from a boot that ends before anything is loaded. It is asked once per
 * firmware, machine, memory, QEMU and medium and remembered, for bases are chosen from it before the first real boot.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packPayload } from '../image/payload.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import { digestOfInputs, type KeyInputs } from '../toolchain/digest.ts';
import { writeFileAtomic } from '../workdir/atomic-file.ts';
import type { BootEnd } from './boot-end.ts';
import { BootSession } from './boot-session.ts';

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
      `the survey boot ended without a memory map (${describe(end)}${lastLine ? `; last console line: ${lastLine}` : ''}); ` +
        `its logs are in ${directory}`,
    );
  }
}

function describe(end: BootEnd): string {
  if (end.kind === 'machine')
    return end.end.kind === 'qemu-exit' ? `QEMU exited: ${end.end.stderr}` : end.end.kind;
  if (end.kind === 'timeout') return `timed out waiting for ${end.awaited}`;
  return end.kind === 'loader' ? end.detail : end.kind;
}

/** @throws SurveyError, and what BootSession.launch throws. */
export async function survey(request: SurveyRequest): Promise<Survey> {
  const started = performance.now();
  await mkdir(request.directory, { recursive: true });
  const payload = join(request.directory, 'payload.tar');
  await writeFile(payload, await packPayload({ choice: { choice: 'survey', mode: 'survey' } }));
  await using session = await BootSession.launch({
    qemu: request.qemu,
    spec: { ...request.spec, payload },
    directory: request.directory,
    deadline: request.deadline,
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
      return JSON.parse(await readFile(this.#path(inputs), 'utf8')) as Survey;
    } catch {
      return undefined;
    }
  }

  async keep(inputs: KeyInputs, found: Survey): Promise<void> {
    await mkdir(join(this.cacheRoot, 'surveys'), { recursive: true });
    await writeFileAtomic(this.#path(inputs), JSON.stringify(found));
  }

  #path(inputs: KeyInputs): string {
    return join(this.cacheRoot, 'surveys', `${digestOfInputs({ format: FORMAT, ...inputs })}.json`);
  }
}
