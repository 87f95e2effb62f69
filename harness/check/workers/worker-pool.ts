/** Jobs on several threads; results come as they are found, in no order. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { JobQueue } from './job-queue.ts';
import type { JobMessage, WorkerMessage } from './messages.ts';

/** A worker threw, or ended: our fault or the host's, never the image's. */
export class WorkerFailedError extends Error {
  override readonly name = 'WorkerFailedError';
}

export interface PoolWork<Setup, Job, Result> {
  /** A file that calls serveJobs. */
  readonly worker: URL;
  /** Sent to each worker once; what is large in it stands in a SharedArrayBuffer. */
  readonly setup: Setup;
  /** Begun in this order. */
  readonly jobs: readonly Job[];
  /** Threads; never more than jobs. */
  readonly workers: number;
  readonly onResult: (result: Result) => void;
  /** Jobs of one kind go to one thread while there are enough: what it made for the first serves the others. */
  readonly kindOf?: (job: Job) => string;
  /** So many must wait for each thread at a kind before another thread joins them; default 1. */
  readonly worthJoining?: number;
  readonly signal?: AbortSignal;
  /** Of JavaScript objects, a thread. */
  readonly heapMib?: number;
}

/**
 * Ends when every job is done. However it ends, no thread is left.
 * @throws WorkerFailedError; the signal's reason on abort; what `onResult` throws.
 */
export async function runJobs<Setup, Job, Result>(work: PoolWork<Setup, Job, Result>): Promise<void> {
  work.signal?.throwIfAborted();
  const threads: Worker[] = [];
  const { kindOf } = work;
  const messages = work.jobs.map((job, id): JobMessage<Job> => ({ id, job }));
  const queue = new JobQueue(messages, kindOf && (({ job }) => kindOf(job)), work.worthJoining);
  let onAbort: (() => void) | undefined;
  try {
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(work.signal?.reason as Error);
      work.signal?.addEventListener('abort', onAbort);
    });
    const all = Array.from({ length: Math.min(work.workers, messages.length) }, () => {
      const thread = startThread(work.worker, work.setup, work.heapMib);
      threads.push(thread);
      return serveFrom(queue, thread, work.onResult);
    });
    await Promise.race([aborted, Promise.all(all)]);
  } finally {
    if (onAbort) work.signal?.removeEventListener('abort', onAbort);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/**
 * What a boot leaves behind is garbage at once; by default V8 lets young objects grow to 48 MiB a thread, and old ones to
 * gigabytes, before it looks. A check has some 50 MiB of its own.
 */
const [YOUNG_MIB, OLD_MIB] = [20, 160];

/** Gives the thread one job after the other until the queue is empty. */
function serveFrom<Job, Result>(
  queue: JobQueue<JobMessage<Job>>,
  thread: Worker,
  onResult: (result: Result) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let job: JobMessage<Job> | undefined;
    const next = () => {
      job = queue.next(job);
      if (job) thread.postMessage(job);
      else resolve();
    };
    thread.on('message', (message: WorkerMessage<Result>) => {
      if (message.kind === 'done') next();
      else if (message.kind === 'failed') reject(failed(message));
      else attempt(() => onResult(message.result), reject);
    });
    thread.on('messageerror', (error) =>
      reject(new WorkerFailedError(`a worker sent what cannot be read: ${error.message}`)),
    );
    thread.on('error', (error: unknown) =>
      reject(
        new WorkerFailedError(`a worker failed: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        }),
      ),
    );
    // After its jobs it is ended by us, and nobody listens any more.
    thread.on('exit', (code) =>
      reject(new WorkerFailedError(`a worker ended with code ${code}, its job not done`)),
    );
    next();
  });
}

/** With the stack of where it was thrown. */
function failed({ text, stack }: { readonly text: string; readonly stack?: string }): WorkerFailedError {
  const error = new WorkerFailedError(`a worker failed: ${text}`);
  if (stack !== undefined) error.stack = `${error.name}: a worker failed: ${stack}`;
  return error;
}

function attempt(act: () => void, onError: (error: unknown) => void): void {
  try {
    act();
  } catch (error) {
    onError(error);
  }
}

/**
 * Node 20 runs JavaScript only, and tsx 4.23, which runs our TypeScript in tests and scripts, leaves other threads than
 * the main one alone even with `--import tsx` in their execArgv: such a worker has to register it itself.
 */
function startThread(file: URL, workerData: unknown, heapMib = OLD_MIB): Worker {
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB, maxOldGenerationSizeMb: heapMib };
  if (extname(file.pathname) !== '.ts') return new Worker(file, { workerData, resourceLimits });
  const [tsx, program] = [import.meta.resolve('tsx/esm/api'), file.href].map((url) => JSON.stringify(url));
  return new Worker(`import(${tsx}).then(({ register }) => { register(); return import(${program}); })`, {
    eval: true,
    ...{ workerData, resourceLimits },
  });
}

/** A worker's file beside ours, with our own ending: `.ts` run through tsx, `.js` compiled. */
export function workerBeside(ours: string, name: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(ours))}`, ours);
}

/** A copy that every thread sees without a copy of its own. */
export function sharedBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}
