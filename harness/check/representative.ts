/** Of many bases the one that is shown: where a real machine can be looked at, too. */
import { isAligned, MIB } from '../bits/align.ts';

/** RAM below the hole, with the memory that `loadbase run` gives by itself, and with `--memory 2560`. */
const USUAL_MIB = 512;
export const LARGE_MIB = 2560;
/** Room for what firmware and loader keep at the end of RAM, and for the image. */
const TOP_MIB = 128;
/** Below, firmware and loader have their own: UEFI refuses many of these bases. */
const LOW_MIB = 32;

/** Memory that a machine needs so that this base can be forced there; undefined: the default's. */
export function memoryForBase(base: number): number | 'none' | undefined {
  if (base < (USUAL_MIB - TOP_MIB) * MIB) return undefined;
  return base < (LARGE_MIB - TOP_MIB) * MIB ? LARGE_MIB : 'none';
}

/** The first of the best: aligned, moved, and where a usual machine can load it. */
export function representative<T extends { readonly loadBase: number }>(
  results: readonly T[],
  linkBase: number,
): T | undefined {
  const badness = ({ loadBase }: T) =>
    (isAligned(loadBase, 2 * MIB) ? 0 : 8) +
    (loadBase === linkBase ? 4 : 0) +
    (memoryForBase(loadBase) === undefined ? 0 : 2) +
    (loadBase < LOW_MIB * MIB ? 1 : 0);
  let best: T | undefined;
  for (const result of results) if (!best || badness(result) < badness(best)) best = result;
  return best;
}
