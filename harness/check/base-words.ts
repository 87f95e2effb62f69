/** Sets of load bases as somebody reads them: few words, however many they are. */
import { hex } from '../bits/hex.ts';

/** What a set is compared with. */
export interface TriedBases {
  /** Ascending. */
  readonly tried: readonly number[];
  readonly linkBase: number;
  readonly isMisaligned: (base: number) => boolean;
}

/** As many are named; beyond that they are counted. */
const FEW = 3;

/** @param bases some of those that were tried; e.g. `all 2,046 bases but the link base`, `0x00400000 and 0x00600000`. */
export function basesInWords(bases: readonly number[], among: TriedBases): string {
  const { tried, isMisaligned } = among;
  const wanted = new Set(bases);
  const classes = [
    { noun: 'base', all: tried.filter((base) => !isMisaligned(base)) },
    { noun: 'misaligned base', all: tried.filter(isMisaligned) },
  ];
  const words = classes.flatMap(({ noun, all }) => {
    const some = all.filter((base) => wanted.has(base));
    return some.length === 0 ? [] : [classInWords(some, all, noun, among.linkBase)];
  });
  if (words.length === 0) return 'no base';
  // What is excepted ends where the comma stands.
  return words.join(words[0]?.includes(' but ') ? ', and ' : ' and ');
}

function classInWords(
  some: readonly number[],
  all: readonly number[],
  noun: string,
  linkBase: number,
): string {
  const named = (bases: readonly number[]) =>
    list(bases.map((base) => (base === linkBase ? 'the link base' : hex(base))));
  if (some.length === all.length && some.length > 1) return `all ${counted(some.length, noun)}`;
  if (some.length <= FEW) return named(some);
  const others = all.filter((base) => !some.includes(base));
  if (others.length <= FEW) return `all ${counted(all.length, noun)} but ${named(others)}`;
  return `${counted(some.length, noun)} (${runsInWords(runsOf(some, all))})`;
}

interface Run {
  readonly first: number;
  readonly last: number;
}

/** Neighbours among all that were tried. */
function runsOf(some: readonly number[], all: readonly number[]): Run[] {
  const wanted = new Set(some);
  const runs: Run[] = [];
  let open = false;
  for (const base of all) {
    const last = runs.at(-1);
    if (!wanted.has(base)) open = false;
    else if (open && last) runs[runs.length - 1] = { first: last.first, last: base };
    else {
      runs.push({ first: base, last: base });
      open = true;
    }
  }
  return runs;
}

function runsInWords(runs: readonly Run[]): string {
  const shown = runs
    .slice(0, FEW)
    .map(({ first, last }) => (first === last ? hex(first) : `${hex(first)}…${hex(last)}`));
  return runs.length > FEW ? `${shown.join(', ')}, …` : list(shown);
}

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}
