/** Memory as a machine has it that was switched on before: where the image will go, nothing is zero by chance. */
import { subtract, type Interval } from '../layout/interval.ts';
import type { SharedRam } from '../guest/guest-view.ts';
import type { ReadyInstance } from './plan.ts';

/** No instruction of ours, no address in use, and odd: a clear that is missing, or too short, shows. */
const STALE = 0xa5;

/**
 * @param touched what a fork has written already, and may need; a machine that has not run yet wrote nothing.
 * Where GRUB will choose the base itself nobody knows the place, and fresh memory is zero.
 * Source: GRUB 88f8d1463 cleared a wrong number of bytes.
 */
export async function makeStale(
  ram: SharedRam | undefined,
  { base, subject }: Pick<ReadyInstance, 'base' | 'subject'>,
  touched: readonly Interval[] = [],
): Promise<void> {
  if (!ram || base === undefined) return;
  const end = Math.min(base + subject.image.loaded.loadSize, ram.lowSizeBytes);
  for (const { start, end: stop } of subtract([{ start: base, end: Math.max(base, end) }], touched))
    await ram.write(start, new Uint8Array(stop - start).fill(STALE));
}
