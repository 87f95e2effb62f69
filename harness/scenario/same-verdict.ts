/**
 * Whether an instance that went on as a fork of a frozen machine was seen as its cold boot was. Pure. All that a result says
 * is compared, also what it comes to say one day; what may differ stands here, each with its reason.
 */
import type { InstanceResult } from './contract.ts';

/** Fields of a result that are not compared. */
export const MAY_DIFFER = {
  durationMs: 'a fork is there to be faster',
  partsMs: 'the same, and a fork has no firmware but a restore',
  start: 'it says which of the two it was',
} as const satisfies Partial<Record<keyof InstanceResult, string>>;

/** What is taken out of a text before it is compared. */
interface Allowance {
  readonly pattern: RegExp;
  readonly without: string;
  readonly reason: string;
}

/** In the command that repeats an instance. */
export const REPEAT_MAY_DIFFER: readonly Allowance[] = [
  { pattern: / --cold(?= |$)/, without: '', reason: 'a cold boot is repeated as one' },
];

/** On the console, and where its lines are shown. */
export const CONSOLE_MAY_DIFFER: readonly Allowance[] = [
  {
    pattern: /^loadbase: choice [0-9a-f]{6} /gm,
    without: 'loadbase: choice ',
    reason: 'the mark is drawn at random for each boot, so that a fork can tell its payload from another’s',
  },
  {
    pattern: /^\(XEN\) Detected \d+\.\d{3} MHz processor\.$/gm,
    without: '(XEN) Detected a processor.',
    reason: 'Xen measures the host’s clock, whose last digit differs between any two boots',
  },
  {
    pattern: /^(\(XEN\) Panic on CPU \d+:\n.*\n)[^]*/m,
    without: '$1',
    reason:
      'the machine is ended as soon as its last word was heard; how much of what follows came along is chance',
  },
];

const SHOWN_DIFFERENCES = 8;
const SHOWN_CHARACTERS = 160;

/** @returns each field that is not the same, and both values; empty where the two are the same result. */
export function differences(cold: InstanceResult, fork: InstanceResult): string[] {
  return shortened(unequal('', compared(cold), compared(fork)));
}

/** The same of what was kept as layout.json, where every address and every size is a fact of the machine. */
export function layoutDifferences(cold: unknown, fork: unknown): string[] {
  return shortened(unequal('layout', cold, fork));
}

/** The same of the console's lines, from the firmware's first to the machine's last word. */
export function consoleDifferences(cold: string, fork: string): string[] {
  const lines = (text: string) => without(text, CONSOLE_MAY_DIFFER).split('\n');
  return shortened(unequal('console', lines(cold), lines(fork)));
}

function compared(result: InstanceResult): object {
  const fields = Object.entries(result).filter(([name]) => !Object.hasOwn(MAY_DIFFER, name));
  const { repeat, excerpt } = result;
  return {
    ...Object.fromEntries(fields),
    repeat: without(repeat, REPEAT_MAY_DIFFER),
    // Of the console's last lines and code.
    ...(excerpt ? { excerpt: excerpt.map((line) => without(line, CONSOLE_MAY_DIFFER)) } : {}),
  };
}

function without(text: string, allowances: readonly Allowance[]): string {
  return allowances.reduce((rest, allowed) => rest.replace(allowed.pattern, allowed.without), text);
}

/** Values as JSON has them. */
function unequal(path: string, cold: unknown, fork: unknown): string[] {
  if (isTree(cold) && isTree(fork) && Array.isArray(cold) === Array.isArray(fork)) {
    const names = new Set([...Object.keys(cold), ...Object.keys(fork)]);
    return [...names].flatMap((name) =>
      unequal(path === '' ? name : `${path}.${name}`, cold[name], fork[name]),
    );
  }
  return Object.is(cold, fork) ? [] : [`${path}: cold ${shown(cold)}, as a fork ${shown(fork)}`];
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function shortened(all: readonly string[]): string[] {
  const more = all.length - SHOWN_DIFFERENCES;
  return more > 0 ? [...all.slice(0, SHOWN_DIFFERENCES), `and ${more} more`] : [...all];
}
