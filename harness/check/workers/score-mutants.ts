/** An image's mutation score, on several threads: mutants are made entry by entry, then judged a few at a time. */
import type { CheckedImageData } from '../checker.ts';
import type { EntryName } from '../contract.ts';
import { type Judgement, type MutationScore, scoreJudgements } from '../mutation-score.ts';
import type { MutantJob, MutantResult } from './mutant-job.ts';
import { runJobs, sharedBytes, workerBeside } from './worker-pool.ts';

/** Small enough that threads end together. */
const MUTANTS_A_JOB = 4;

/** Some mutants write all over memory, as far as the model lets them. */
const HEAP_MIB = 512;

export interface ScoreMutants {
  readonly data: CheckedImageData;
  readonly entries: readonly EntryName[];
  /** Threads. */
  readonly workers: number;
  readonly signal?: AbortSignal;
  /** Of all entries, when they are made. */
  readonly onMade?: (total: number) => void;
  /** After each mutant, as they come. */
  readonly onJudged?: (judgement: Judgement) => void;
  /** Default: the model's. */
  readonly worker?: URL;
}

export interface RefusedEntry {
  readonly entry: EntryName;
  /** Why nothing can be learnt from its mutants. */
  readonly reason: string;
}

export interface MutationScores {
  /** In the order of the entries. */
  readonly scores: readonly MutationScore[];
  readonly refused: readonly RefusedEntry[];
}

/** @throws WorkerFailedError; the signal's reason. */
export async function scoreMutants(asked: ScoreMutants): Promise<MutationScores> {
  const results = await run(
    asked,
    asked.entries.map((entry) => ({ entry })),
  );
  const made = results.filter((result) => result.kind === 'made');
  asked.onMade?.(made.reduce((sum, { mutants }) => sum + mutants.mutants.length, 0));
  const jobs = made.flatMap(({ entry, mutants: { mutants } }) =>
    Array.from({ length: Math.ceil(mutants.length / MUTANTS_A_JOB) }, (_, job) => ({
      entry,
      mutants: mutants.slice(job * MUTANTS_A_JOB, (job + 1) * MUTANTS_A_JOB),
    })),
  );
  const judged = (await run(asked, jobs)).filter((result) => result.kind === 'judged');
  const scores = asked.entries.flatMap((entry) => {
    const found = made.find((one) => one.entry === entry);
    if (!found) return [];
    const judgements = judged.filter((one) => one.entry === entry).map(({ judgement }) => judgement);
    const { mutants, explanations } = found;
    return [scoreJudgements({ ...mutants, entry, judgements: inOrder(judgements), explanations })];
  });
  return { scores, refused: results.filter((result) => result.kind === 'refused') };
}

async function run(
  { data, workers, signal, onJudged, worker }: ScoreMutants,
  jobs: readonly MutantJob[],
): Promise<MutantResult[]> {
  const results: MutantResult[] = [];
  await runJobs<CheckedImageData, MutantJob, MutantResult>({
    worker: worker ?? workerBeside(import.meta.url, 'mutant-worker'),
    setup: {
      ...data,
      image: sharedBytes(data.image),
      symbols: data.symbols && sharedBytes(data.symbols),
    },
    ...{ jobs, workers, heapMib: HEAP_MIB },
    ...(signal ? { signal } : {}),
    onResult: (result) => {
      results.push(result);
      if (result.kind === 'judged') onJudged?.(result.judgement);
    },
  });
  return results;
}

/** Threads end in no order. */
function inOrder(judgements: readonly Judgement[]): Judgement[] {
  return [...judgements].sort(
    ({ mutant: a }, { mutant: b }) => a.linkTime - b.linkTime || a.kind.localeCompare(b.kind),
  );
}
