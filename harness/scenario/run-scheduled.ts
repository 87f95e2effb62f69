/** Runs tasks as a schedule says: the effect around schedule.ts. */
import { type Job, Schedule, type ScheduledTask, type ScheduleLimits } from './schedule.ts';

export interface Clock {
  /** Milliseconds from any fixed point. */
  nowMs(): number;
  /** @returns what calls it off. */
  after(delayMs: number, then: () => void): () => void;
}

export interface ScheduledRun<T extends ScheduledTask> {
  readonly tasks: readonly T[];
  readonly limits: ScheduleLimits;
  /**
   * Makes what the tasks of a group share: at most once a group, before any of them, in a slot. To resolve at once
   * where it is there. Where it rejects, the tasks are run all the same.
   */
  readonly prepare?: (group: string, signal: AbortSignal) => Promise<void>;
  /** A rejection ends all: the others' signal is aborted. */
  readonly run: (task: T, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

const WALL_CLOCK: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, then) => {
    const timer = setTimeout(then, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Nothing runs any more when this settles, and nothing starts once the signal is aborted.
 * @throws what the first task that rejected was rejected with.
 */
export async function runScheduled<T extends ScheduledTask>(request: ScheduledRun<T>): Promise<void> {
  const { tasks, limits, clock = WALL_CLOCK } = request;
  const failure = new AbortController();
  const signal = AbortSignal.any([request.signal, failure.signal]);
  const failures: unknown[] = [];
  const schedule = new Schedule(tasks, limits);
  let wake = () => {};
  const launch = async (job: Job): Promise<void> => {
    try {
      await begin(request, job, signal);
    } catch (error) {
      failures.push(error);
      failure.abort();
    }
    schedule.end(job, clock.nowMs());
    wake();
  };
  for (;;) {
    if (signal.aborted) schedule.stop();
    schedule.giveBackSlots(clock.nowMs());
    const woken = new Promise<void>((resolve) => (wake = resolve));
    for (const job of schedule.start(clock.nowMs())) void launch(job);
    if (schedule.isOver) break;
    const lateMs = schedule.nextLateMs();
    const callOff = lateMs === undefined ? () => {} : clock.after(Math.max(0, lateMs - clock.nowMs()), wake);
    await woken;
    callOff();
  }
  if (failures.length > 0) throw failures[0];
}

async function begin<T extends ScheduledTask>(
  { tasks, prepare, run }: ScheduledRun<T>,
  job: Job,
  signal: AbortSignal,
): Promise<void> {
  if (job.kind === 'prepare') {
    // Its tasks say what they miss, in results of their own.
    await prepare?.(job.group, signal).catch(() => undefined);
    return;
  }
  const task = tasks[job.index];
  if (task) await run(task, signal);
}
