/** What a worker of a check does: an entry, at a few bases. */
import type { BaseResult, EntryName } from '../contract.ts';
import type { CheckedImageData, Checker, MakeChecker } from '../checker.ts';
import type { Serve } from './serve-jobs.ts';

export interface CheckJob {
  readonly entry: EntryName;
  readonly bases: readonly number[];
}

/** One checker at a time: jobs come entry by entry, and each holds a machine's memory. */
export function checkJobs(data: CheckedImageData, make: MakeChecker): Serve<CheckJob, BaseResult> {
  let made: { readonly entry: EntryName; readonly checker: Checker } | undefined;
  return async function* ({ entry, bases }) {
    if (made?.entry !== entry) {
      made = undefined;
      made = { entry, checker: await make(data, entry) };
    }
    for (const base of bases) yield made.checker.at(base);
  };
}
