/** What the tests of whole runs ask for, and look at: fake machines, a folder of their own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../../qemu/testdata/bench.ts';
import { resultsSchema } from '../../report/results-schema.ts';
import type { Results } from '../contract.ts';
import type { PlannedInstance } from '../plan.ts';
import type { RunRequest } from '../run.ts';
import { fakeArtifacts, HOST, planned } from './fake-run.ts';

export async function request(
  at: Bench,
  qemu: string,
  instances: readonly PlannedInstance[],
  more: Partial<RunRequest> = {},
): Promise<RunRequest> {
  return {
    runId: '20261123T141403Z-e473',
    runDirectory: join(at.directory, 'run'),
    cacheRoot: join(at.directory, 'cache'),
    host: HOST,
    artifacts: await fakeArtifacts(at, qemu),
    plan: { planned: instances, accelerators: { 'bios-q35': { accelerator: 'tcg', reason: 'asked for' } } },
    jobs: 1,
    timeoutMs: 20_000,
    repeatCommand: ({ name }) => `npx loadbase run ${name}`,
    signal: new AbortController().signal,
    emit: () => undefined,
    ...more,
  };
}

/** results.json as it is now, which must be whole and of the published shape. */
export const onDisk = (at: Bench) =>
  resultsSchema.parse(JSON.parse(readFileSync(join(at.directory, 'run', 'results.json'), 'utf8'))) as Results;

export const repeats = (at: Bench, count: number): Promise<PlannedInstance[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => planned(at, { repeat: i + 1 })));
