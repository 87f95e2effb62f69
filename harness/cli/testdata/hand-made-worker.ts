/** A worker that runs nothing: results made by hand, of the kind that the query of its URL names. */
import { writeSync } from 'node:fs';
import type { CheckedImageData } from '../../check/checker.ts';
import type { BaseResult, EntryName } from '../../check/contract.ts';
import { checkJobs } from '../../check/workers/check-job.ts';
import { serveJobs } from '../../check/workers/serve-jobs.ts';
import { defective, holding, looping } from './hand-made-results.ts';

const kinds: Readonly<Record<string, (entry: EntryName, base: number) => BaseResult>> = {
  holds: holding,
  defect: (entry, base) => defective(entry, base),
  loops: looping,
  throws: () => {
    throw new Error('a fault of the model');
  },
  hangs: () => {
    // Straight to the file: a busy thread's own streams are never written.
    writeSync(2, 'hanging\n');
    for (;;);
  },
};

const make = kinds[new URL(import.meta.url).search.slice(1)];
if (!make) throw new Error('the URL names no kind');
serveJobs((data: CheckedImageData) =>
  Promise.resolve(checkJobs(data, (_data, entry) => Promise.resolve({ at: (base) => make(entry, base) }))),
);
