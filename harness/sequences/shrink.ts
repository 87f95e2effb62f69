/** Delta debugging: the smallest part of what fails that still fails. Source: Zeller, Hildebrandt, 2002, algorithm ddmin. */
import type { Sequence } from './sequence.ts';

/** Whether these sequences, alone, still fail. Asked one after the other; must be deterministic. */
export type Fails = (sequences: readonly Sequence[]) => Promise<boolean>;

/** What was to be shrunk does not fail. */
export class NothingToShrinkError extends Error {
  override readonly name = 'NothingToShrinkError';
  constructor() {
    super('these sequences do not fail, alone: nothing can be left out of what does not fail');
  }
}

/**
 * First whole sequences are left out, then their instructions, and what they load before, unit by unit. Leaving out any
 * one more makes the failure go away.
 * @throws NothingToShrinkError, and what `fails` throws
 */
export async function shrink(sequences: readonly Sequence[], fails: Fails): Promise<readonly Sequence[]> {
  if (!(await fails(sequences))) throw new NothingToShrinkError();
  let smallest = await minimal(sequences, fails);
  for (const index of smallest.keys()) {
    const withUnits = (units: Sequence['units']): readonly Sequence[] =>
      smallest.with(index, { ...smallest[index]!, units });
    const units = await minimal(smallest[index]!.units, (kept) => fails(withUnits(kept)));
    smallest = withUnits(units);
  }
  return smallest;
}

/** @param all fails */
async function minimal<T>(
  all: readonly T[],
  fails: (kept: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let kept = all;
  let parts = 2;
  while (kept.length > 1) {
    const next = await smaller(kept, Math.min(parts, kept.length), fails);
    if (next) {
      kept = next.kept;
      parts = Math.max(next.parts, 2);
    } else if (parts >= kept.length) break;
    else parts = 2 * parts;
  }
  return kept;
}

interface Smaller<T> {
  readonly kept: readonly T[];
  /** Into how many it is cut next. */
  readonly parts: number;
}

/** One of the parts alone, else all without one of them. */
async function smaller<T>(
  all: readonly T[],
  parts: number,
  fails: (kept: readonly T[]) => Promise<boolean>,
): Promise<Smaller<T> | undefined> {
  const cuts = Array.from({ length: parts + 1 }, (_, index) => Math.round((index * all.length) / parts));
  for (let part = 0; part < parts; part++) {
    const only = all.slice(cuts[part], cuts[part + 1]);
    if (await fails(only)) return { kept: only, parts: 2 };
  }
  // Of two parts, all without the one is the other.
  if (parts === 2) return undefined;
  for (let part = 0; part < parts; part++) {
    const others = [...all.slice(0, cuts[part]), ...all.slice(cuts[part + 1])];
    if (await fails(others)) return { kept: others, parts: parts - 1 };
  }
  return undefined;
}
