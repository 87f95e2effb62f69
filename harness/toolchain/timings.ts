import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../workdir/atomic-file.ts';

/** Step → milliseconds. */
export type StepTimings = Readonly<Record<string, number>>;

/** How long each step of a task took when it last succeeded on this machine; empty where that never was. */
export async function readTimings(cacheRoot: string, task: string): Promise<StepTimings> {
  try {
    const parsed: unknown = JSON.parse(await readFile(timingsPath(cacheRoot, task), 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(Object.entries(parsed).filter(([, ms]) => typeof ms === 'number'));
  } catch {
    return {};
  }
}

export async function writeTimings(cacheRoot: string, task: string, timings: StepTimings): Promise<void> {
  await mkdir(join(cacheRoot, 'timings'), { recursive: true });
  await writeFileAtomic(timingsPath(cacheRoot, task), `${JSON.stringify(timings)}\n`);
}

function timingsPath(cacheRoot: string, task: string): string {
  return join(cacheRoot, 'timings', `${task}.json`);
}
