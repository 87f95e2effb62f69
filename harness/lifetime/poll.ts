import { setTimeout as sleep } from 'node:timers/promises';
import { type Deadline, DeadlineError } from './deadline.ts';

/**
 * Asks `probe` until it gives something other than undefined.
 * @throws DeadlineError
 */
export async function poll<T>(
  awaited: string,
  deadline: Deadline,
  probe: () => Promise<T | undefined> | T | undefined,
  everyMs = 5,
): Promise<T> {
  const started = performance.now();
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (deadline.expired) throw new DeadlineError(awaited, performance.now() - started);
    await sleep(Math.min(everyMs, deadline.remainingMs));
  }
}
