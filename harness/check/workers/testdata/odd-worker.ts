/** A worker that does as its jobs say: a job a word. */
import { serveJobs } from '../serve-jobs.ts';

serveJobs(async ({ shared, prepare }: { shared?: Uint8Array; prepare?: 'throw' }) => {
  await Promise.resolve();
  if (prepare === 'throw') throw new TypeError('no such setup');
  return function* (job: string): Generator<unknown> {
    switch (job) {
      case 'throw':
        yield 'before';
        throw new RangeError('out of range, on purpose');
      case 'exit':
        process.exit(7);
      // eslint-disable-next-line no-fallthrough -- process.exit does not come back
      case 'endless':
        yield 'begun';
        for (;;);
      case 'count':
        if (shared) for (let n = 0; n < 100; n++) Atomics.add(shared, 0, 1);
        yield 'counted';
        return;
      default:
        yield { text: job, wide: 1n << 63n, bytes: Uint8Array.of(1, 2) };
        yield { text: `${job} again` };
    }
  };
});
