/** What `loadbase check` does once its options are read. */
import { BaseNotAllowedError, basesToCheck, isMisaligned, type BaseChoice } from '../check/bases.ts';
import type { CheckedImageData } from '../check/checker.ts';
import type { EntryName } from '../check/contract.ts';
import { servedBases, type UnservedBases } from '../check/served-bases.ts';
import { summarise } from '../check/summary.ts';
import { checkEverywhere } from '../check/workers/check-everywhere.ts';
import { parseMachineProfile } from '../profile/machine-profile.ts';
import { escapeForJson } from '../report/escape.ts';
import type { Subject } from '../scenario/subject.ts';
import { checkJson } from './check-json.ts';
import { checkProgress } from './check-progress.ts';
import { checkReport } from './check-report.ts';
import { type Checked, isAllWell, notTriedBecause } from './checked.ts';
import { checkMutants } from './check-mutants.ts';
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
  const mutants = isAsked ? await checkMutants(data, image, signal, mutantWorker) : undefined;
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
  const entries = options.entry ? BOTH.filter((entry) => options.entry?.includes(entry)) : BOTH;
  const started = performance.now();
  const machines = data.machines.map(parseMachineProfile);
  const { served, unserved } = servedBases(machines, entries, bases, image);
  if (served.every(({ bases: { length } }) => length === 0)) throw new UsageError(unservedText(unserved));
  const progress = checkProgress(
    standardError(),
    served.reduce((sum, one) => sum + one.bases.length, 0),
  );
  try {
    const results = await checkEverywhere({
      ...{ data, tries: served, signal },
      workers: options.jobs,
      onResult: (result) => progress.tried(result),
      ...(worker ? { worker } : {}),
    });
    return {
      ...{ subject, options, results, unserved },
      summary: summarise(results, image.loaded),
      isMisaligned: (base) => isMisaligned(base, image),
      durationMs: performance.now() - started,
    };
  } finally {
    progress.close();
  }
}

function unservedText(unserved: readonly UnservedBases[]): string {
  const reasons = unserved.map((one) => `${one.entry}: ${notTriedBecause(one)}`);
  return `nothing can be tried: ${reasons.join('; ')}; take another --base or --entry`;
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
