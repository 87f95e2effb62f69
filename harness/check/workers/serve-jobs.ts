/** The worker's side of a pool. */
import { parentPort, workerData } from 'node:worker_threads';
import type { JobMessage, WorkerMessage } from './messages.ts';

/** One job, result by result. */
export type Serve<Job, Result> = (job: Job) => Iterable<Result> | AsyncIterable<Result>;

/**
 * Serves the pool that started this thread, job after job; each result is sent as soon as it is there.
 * @param prepare is called once, with what the pool was set up with.
 */
export function serveJobs<Setup, Job, Result>(prepare: (setup: Setup) => Promise<Serve<Job, Result>>): void {
  const port = parentPort;
  if (!port) throw new Error('this file is a worker of a pool; nothing else can run it');
  const send = (message: WorkerMessage<Result>) => port.postMessage(message);
  const serving = prepare(workerData as Setup);
  // Told of with the first job: until then nobody asked for anything.
  serving.catch(() => undefined);
  port.on('message', ({ id, job }: JobMessage<Job>) => {
    serving
      .then(async (serve) => {
        for await (const result of serve(job)) send({ kind: 'result', id, result });
        send({ kind: 'done', id });
      })
      .catch((error: unknown) => send({ kind: 'failed', id, ...inWords(error) }));
  });
}

function inWords(error: unknown): { text: string; stack?: string } {
  if (!(error instanceof Error)) return { text: String(error) };
  return { text: String(error), ...(error.stack === undefined ? {} : { stack: error.stack }) };
}
