/** An image at every base that was chosen, on several threads. */
import type { BaseResult, EndObservation, EntryName } from '../contract.ts';
import type { CheckedImageData } from '../checker.ts';
import type { CheckJob } from './check-job.ts';
import { runJobs, sharedBytes, workerBeside } from './worker-pool.ts';

/** Small enough that threads end together, large enough that messages cost nothing. */
const BASES_A_JOB = 16;
/** Jobs: to begin with an entry takes as long as some 250 bases. */
const WORTH_JOINING = 16;

export interface CheckEverywhere {
  readonly data: CheckedImageData;
  /** Bases by entry. */
  readonly tries: readonly CheckJob[];
  /** Threads. */
  readonly workers: number;
  readonly signal?: AbortSignal;
  /** After each base, as they come. */
  readonly onResult?: (result: BaseResult) => void;
  /** Default: the model's. */
  readonly worker?: URL;
}

/**
 * @returns by entry, then by base, in the order in which they were given.
 * @throws WorkerFailedError; the signal's reason.
 */
export async function checkEverywhere(asked: CheckEverywhere): Promise<BaseResult[]> {
  const { data, tries, workers, signal, onResult } = asked;
  const results = new Map<string, BaseResult>();
  const key = (entry: EntryName, base: number) => `${entry} ${base}`;
  const told = sameOnce();
  await runJobs<CheckedImageData, CheckJob, BaseResult>({
    worker: asked.worker ?? workerBeside(import.meta.url, 'check-worker'),
    setup: {
      ...data,
      image: sharedBytes(data.image),
      symbols: data.symbols && sharedBytes(data.symbols),
    },
    jobs: tries.flatMap((one) => jobsFor(one, workers)),
    workers,
    kindOf: ({ entry }) => entry,
    worthJoining: WORTH_JOINING,
    ...(signal ? { signal } : {}),
    onResult: (result) => {
      const kept = { ...result, endState: result.endState.map((one) => told(one)) };
      results.set(key(result.entry, result.loadBase), kept);
      onResult?.(kept);
    },
  });
  return tries.flatMap(({ entry, bases }) =>
    bases.map((base) => result(results.get(key(entry, base)), entry, base)),
  );
}

/** Most of what is observed at thousands of bases is the same text. */
function sameOnce(): (observation: EndObservation) => EndObservation {
  const known = new Map<string, EndObservation>();
  return (observation) => {
    const key = `${observation.ok} ${observation.isVital === true} ${observation.text}`;
    const same = known.get(key);
    if (same) return same;
    known.set(key, observation);
    return observation;
  };
}

function result(found: BaseResult | undefined, entry: EntryName, base: number): BaseResult {
  if (found) return found;
  throw new Error(`no worker told of base ${base} (${entry})`);
}

/** Entry by entry: a thread then makes each checker once. */
function jobsFor({ entry, bases }: CheckJob, workers: number): CheckJob[] {
  const size = Math.max(1, Math.min(BASES_A_JOB, Math.ceil(bases.length / workers)));
  return Array.from({ length: Math.ceil(bases.length / size) }, (_, job) => ({
    entry,
    bases: bases.slice(job * size, (job + 1) * size),
  }));
}
