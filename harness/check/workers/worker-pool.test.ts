/** CLAIM: every job is done once, whoever does it; a worker's fault is an error, and nothing is left running. */
import t from 'tap';
import { runJobs, sharedBytes, WorkerFailedError, workerBeside } from './worker-pool.ts';

const worker = new URL('./testdata/odd-worker.ts', import.meta.url);

t.test('results of all jobs, values as they were', async (t) => {
  const results: unknown[] = [];
  const jobs = Array.from({ length: 7 }, (_, n) => `job ${n}`);
  await runJobs({ worker, setup: {}, jobs, workers: 2, onResult: (result) => results.push(result) });
  const firsts = results.filter((result) => Object.hasOwn(result as object, 'wide')) as { text: string }[];
  t.strictSame(firsts.map(({ text }) => text).sort(), jobs);
  t.strictSame(firsts[0], { text: firsts[0]?.text, wide: 1n << 63n, bytes: Uint8Array.of(1, 2) });
  t.equal(results.length, 14);
});

t.test('nothing to do', async (t) => {
  await runJobs({ worker, setup: {}, jobs: [], workers: 2, onResult: () => t.fail() });
});

t.test('what is shared is not copied', async (t) => {
  const shared = sharedBytes(Uint8Array.of(5));
  const jobs = ['count', 'count'];
  await runJobs({ worker, setup: { shared }, jobs, workers: 2, onResult: () => undefined });
  t.equal(shared[0], (5 + 200) % 256);
});

const failing = (jobs: string[], setup = {}, onResult: () => void = () => undefined) =>
  runJobs({ worker, setup, jobs, workers: 2, onResult });

t.test('a fault of a worker ends all', async (t) => {
  await t.rejects(failing(['endless', 'throw']), {
    name: 'WorkerFailedError',
    message: /RangeError: out of range, on purpose/,
  });
  await t.rejects(failing(['exit', 'endless']), {
    name: 'WorkerFailedError',
    message: /ended with code 7, its job not done/,
  });
  await t.rejects(failing(['a'], { prepare: 'throw' }), { message: /TypeError: no such setup/ });
  const missing = new URL('./testdata/none.ts', import.meta.url);
  await t.rejects(
    runJobs({ worker: missing, setup: {}, jobs: [1], workers: 1, onResult: () => undefined }),
    WorkerFailedError,
  );
});

t.test('so does a fault of who takes the results', async (t) => {
  const onResult = () => {
    throw new Error('no room');
  };
  await t.rejects(failing(['endless', 'a'], {}, onResult), { message: 'no room' });
});

t.test('an abort ends workers in the middle of a job', async (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  const running = runJobs({
    ...{ worker, setup: {}, jobs: ['endless', 'endless'], workers: 2, signal },
    onResult: () => controller.abort(),
  });
  await t.rejects(running, { name: 'AbortError' });
  await t.rejects(
    runJobs({ worker, setup: {}, jobs: ['a'], workers: 1, onResult: () => t.fail(), signal }),
    { name: 'AbortError' },
    'nor does it begin then',
  );
});

t.test('a worker is looked for with the ending of who asks', (t) => {
  t.match(workerBeside('file:///a/pool.ts', 'check-worker').href, /^file:\/\/\/a\/check-worker\.ts$/);
  t.match(workerBeside('file:///a/pool.js', 'check-worker').href, /^file:\/\/\/a\/check-worker\.js$/);
  t.end();
});
