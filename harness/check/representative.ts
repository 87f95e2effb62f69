/** Of many bases the one that is shown: where a real machine can be looked at, too. */
import { isAligned, MIB } from '../bits/align.ts';

/** RAM below the hole of the machines that `loadbase run` boots by itself, less what firmware and loader keep there. */
const BOOTABLE_BELOW = (2560 - 128) * MIB;
/** Below, firmware and loader have their own: UEFI refuses many of these bases. */
const LOW = 32 * MIB;

/** Whether a real machine, as `loadbase debug` boots it, can have an image there. */
export function isBootable(base: number): boolean {
  return base < BOOTABLE_BELOW;
}

/** The first of the best: aligned, moved, and where a usual machine can load it. */
export function representative<T extends { readonly loadBase: number }>(
  results: readonly T[],
  linkBase: number,
): T | undefined {
  const badness = ({ loadBase }: T) =>
    (isAligned(loadBase, 2 * MIB) ? 0 : 8) +
    (loadBase === linkBase ? 4 : 0) +
    (isBootable(loadBase) ? 0 : 2) +
    (loadBase < LOW ? 1 : 0);
  let best: T | undefined;
  for (const result of results) if (!best || badness(result) < badness(best)) best = result;
  return best;
}
