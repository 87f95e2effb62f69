/** What `loadbase check` does once its options are read. */
import { BaseNotAllowedError, basesToCheck, isMisaligned, type BaseChoice } from '../check/bases.ts';
import type { CheckedImageData } from '../check/checker.ts';
import type { EntryName } from '../check/contract.ts';
import { summarise } from '../check/summary.ts';
import { checkEverywhere } from '../check/workers/check-everywhere.ts';
import { scoreMutants } from '../check/workers/score-mutants.ts';
import { escapeForJson } from '../report/escape.ts';
import type { Subject } from '../scenario/subject.ts';
import { checkJson } from './check-json.ts';
import { checkProgress } from './check-progress.ts';
import { checkReport } from './check-report.ts';
import { type Checked, type CheckedMutants, isAllWell } from './checked.ts';
import { mutantProgress } from './mutant-progress.ts';
import { checkedImageData, subjectToCheck } from './check-subject.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { interruptSignal } from './interrupt.ts';
import type { CheckOptions } from './run-options.ts';
import { standardError, standardOutput } from './surroundings.ts';

const BOTH: readonly EntryName[] = ['bios', 'efi'];

/** @param worker instead of the model's, for tests. */
export async function checkImage(options: CheckOptions, worker?: URL, mutantWorker?: URL): Promise<number> {
  const signal = interruptSignal();
  const subject = await subjectToCheck(options, signal);
  const data = await checkedImageData(subject);
  const image = await runCheck(subject, data, options, signal, worker);
  const isAsked = options.mutants === true && image.summary.holds;
  const mutants = isAsked ? await scoreWithProgress(data, options, signal, mutantWorker) : undefined;
  const checked: Checked = { ...image, ...(mutants ? { mutants } : {}) };
  const output = standardOutput();
  if (options.json) output.write(`${escapeForJson(JSON.stringify(checkJson(checked), undefined, 1))}\n`);
  else for (const line of await checkReport(checked, output)) output.write(`${line}\n`);
  return isAllWell(checked) ? EXIT.ok : EXIT.failed;
}

async function runCheck(
  subject: Subject,
  data: CheckedImageData,
  options: CheckOptions,
  signal: AbortSignal,
  worker: URL | undefined,
): Promise<Checked> {
  const { image } = subject;
  const bases = chosenBases(options, subject);
  const entries = chosenEntries(options);
  const started = performance.now();
  const progress = checkProgress(standardError(), bases.length * entries.length);
  try {
    const results = await checkEverywhere({
      ...{ data, entries, bases, signal },
      workers: options.jobs,
      onResult: (result) => progress.tried(result),
      ...(worker ? { worker } : {}),
    });
    return {
      ...{ subject, options, results },
      summary: summarise(results, image.loaded),
      isMisaligned: (base) => isMisaligned(base, image),
      durationMs: performance.now() - started,
    };
  } finally {
    progress.close();
  }
}

export function chosenEntries({ entry: chosen }: Pick<CheckOptions, 'entry'>): readonly EntryName[] {
  return chosen ? BOTH.filter((entry) => chosen.includes(entry)) : BOTH;
}

async function scoreWithProgress(
  data: CheckedImageData,
  options: CheckOptions,
  signal: AbortSignal,
  worker: URL | undefined,
): Promise<CheckedMutants> {
  const started = performance.now();
  const progress = mutantProgress(standardError());
  try {
    const scores = await scoreMutants({
      ...{ data, entries: chosenEntries(options), workers: options.jobs, signal },
      onMade: (total) => progress.made(total),
      onJudged: (judgement) => progress.judged(judgement),
      ...(worker ? { worker } : {}),
    });
    return { ...scores, durationMs: performance.now() - started };
  } finally {
    progress.close();
  }
}

/** @throws UsageError */
export function chosenBases(
  { base }: Pick<CheckOptions, 'base'>,
  { image }: Pick<Subject, 'image'>,
): readonly number[] {
  const given = base?.filter((one) => one !== 'all') ?? [];
  const choice: BaseChoice = base === undefined ? 'telling' : base.includes('all') ? 'all' : given;
  try {
    // What is given beside `all` must be allowed, too.
    const named = basesToCheck(given, image);
    return choice === given ? named : basesToCheck(choice, image);
  } catch (error) {
    if (error instanceof BaseNotAllowedError)
      throw new UsageError(`--base: ${error.message}`, { cause: error });
    throw error;
  }
}
