/** A few mutants for boots on a real machine: of each kind some, of as many symbols as there is room for. Pure. */
import type { Mutant } from './mutants.ts';

/**
 * The same seed picks the same ones, whatever the order of the mutants. Kinds take turns; within a kind its symbols do.
 * @param count at most so many
 */
export function mutantSample(mutants: readonly Mutant[], count: number, seed: number): Mutant[] {
  const random = mulberry32(seed);
  const shuffled = [...mutants]
    .sort((a, b) => a.linkTime - b.linkTime || a.kind.localeCompare(b.kind) || a.bitness - b.bitness)
    .map((mutant) => ({ mutant, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ mutant }) => mutant);
  const kinds = grouped(shuffled, ({ kind }) => kind).map((ofKind) => inTurns(grouped(ofKind, symbolName)));
  return inTurns(kinds).slice(0, count);
}

/** Without the distance: `trampoline_setup`. */
function symbolName({ symbol, linkTime }: Mutant): string {
  return symbol?.replace(/\+0x[0-9a-f]+$/, '') ?? `page ${linkTime >> 12}`;
}

function grouped(mutants: readonly Mutant[], nameOf: (mutant: Mutant) => string): Mutant[][] {
  const groups = new Map<string, Mutant[]>();
  for (const mutant of mutants) {
    const group = groups.get(nameOf(mutant));
    if (group) group.push(mutant);
    else groups.set(nameOf(mutant), [mutant]);
  }
  return [...groups.values()];
}

/** The first of each list, then the second of each, … */
function inTurns(lists: readonly Mutant[][]): Mutant[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) =>
    lists.flatMap((list) => list.slice(turn, turn + 1)),
  ).flat();
}

/** A small generator of pseudo-random numbers in 0 … 1. Source: Tommy Ettinger's Mulberry32, public domain. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
