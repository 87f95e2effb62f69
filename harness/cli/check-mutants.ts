/** The mutation score that `loadbase check --mutants` asks for. */
import type { CheckedImageData } from '../check/checker.ts';
import { scoreMutants } from '../check/workers/score-mutants.ts';
import type { Checked, CheckedMutants } from './checked.ts';
import { mutantProgress } from './mutant-progress.ts';
import { standardError } from './surroundings.ts';

/** Of the entries that were tried. @param worker instead of the model's, for tests */
export async function checkMutants(
  data: CheckedImageData,
  { options, summary }: Checked,
  signal: AbortSignal,
  worker: URL | undefined,
): Promise<CheckedMutants> {
  const entries = summary.entries.map(({ entry }) => entry);
  const started = performance.now();
  const progress = mutantProgress(standardError());
  try {
    const scores = await scoreMutants({
      ...{ data, entries, workers: options.jobs, signal },
      onMade: (total) => progress.made(total),
      onJudged: (judgement) => progress.judged(judgement),
      ...(worker ? { worker } : {}),
    });
    return { ...scores, durationMs: performance.now() - started };
  } finally {
    progress.close();
  }
}
