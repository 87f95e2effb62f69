/** Memory as a machine has it that was switched on before: where the image will go, nothing is zero by chance. */
import type { SharedRam } from '../guest/guest-view.ts';
import type { ReadyInstance } from './plan.ts';

/** No instruction of ours, no address in use, and odd: a clear that is missing, or too short, shows. */
const STALE = 0xa5;

/**
 * The machine has not run yet. Where GRUB will choose the base itself nobody knows the place, and fresh memory is zero.
 * Source: GRUB 88f8d1463 cleared a wrong number of bytes.
 */
export async function makeStale(
  ram: SharedRam | undefined,
  { base, subject }: Pick<ReadyInstance, 'base' | 'subject'>,
): Promise<void> {
  if (!ram || base === undefined) return;
  const end = Math.min(base + subject.image.loaded.loadSize, ram.lowSizeBytes);
  if (end > base) await ram.write(base, new Uint8Array(end - base).fill(STALE));
}
