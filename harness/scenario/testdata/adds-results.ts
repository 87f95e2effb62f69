/** Adds big results to a results.json without end, and says each that is in it. Arguments: the folder. */
import { writeSync } from 'node:fs';
import { unrunResult } from '../instance-result.ts';
import { ResultsFile } from '../results-file.ts';
import { HOST, instance } from './fake-run.ts';

/** Many pages, so that a kill or a full disk comes in the middle of a write. */
const REASON = 'x'.repeat(300_000);

async function addResults(folder: string): Promise<void> {
  const file = new ResultsFile(folder, {
    ...{ runId: 'r', startedAt: '2026-11-23T14:14:03Z', host: HOST, tools: {}, planned: 1000 },
  });
  await file.start();
  for (let repeat = 1; ; repeat++) {
    await file.add(unrunResult({ kind: 'skip', instance: instance({ repeat }), reason: REASON }, 'again'));
    writeSync(1, `${repeat}\n`);
  }
}

// A file size limit (setrlimit(2)) shall be an error of write(2), as a full disk is, and not the end.
process.on('SIGXFSZ', () => undefined);
addResults(process.argv[2] ?? '').catch((error: unknown) => {
  writeSync(2, `${String(error)}\n`);
  process.exit(1);
});
