/** The command line of `npm run sequences`. */
import { parseArgs } from 'node:util';
import { UsageError } from '../../harness/cli/exit-codes.ts';

export interface SequencesOptions {
  /** Of the first program; each next one has the next seed. */
  readonly seed: number;
  /** Programs, a boot each. */
  readonly count: number;
  /** Sequences of each mode in a program, at most. */
  readonly sequences: number;
  readonly base: number;
  readonly help: boolean;
}

const ALIGN = 0x20_0000;
const MIN_BASE = 0x20_0000;
/** The machine has 256 MiB, and the firmware's tables are at its end. */
const MAX_BASE = 0xc00_0000;

export const HELP = `npm run sequences -- [--seed N] [--count N] [--sequences N] [--base 0xADDRESS]

Random instruction sequences in protected, long and real mode, run by QEMU and by the model; where the two part, the smallest
program that shows it is searched for.

  --seed N          seed of the first program; the next ones have the next seeds (default 1)
  --count N         programs, one boot each (default 10)
  --sequences N     sequences of each mode in a program, where there is room (default 250)
  --base 0xADDRESS  load base, a multiple of 2 MiB up to 192 MiB (default 0x03400000)
  --help            this

Exit: 0 no divergence; 1 one was found; 2 wrong options; 3 the host; 130 interrupted.
`;

const OPTIONS = {
  seed: { type: 'string', default: '1' },
  count: { type: 'string', default: '10' },
  sequences: { type: 'string', default: '250' },
  base: { type: 'string', default: '0x03400000' },
  help: { type: 'boolean', default: false },
} as const;

/** @throws UsageError */
export function readOptions(argv: string[]): SequencesOptions {
  const { seed, count, sequences, base, help } = parsed(argv);
  return {
    seed: whole('--seed', seed, 0, 0xffff_ffff),
    count: whole('--count', count, 1, 0xffff_ffff),
    sequences: whole('--sequences', sequences, 1, 10_000),
    base: loadBase(base),
    help,
  };
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new UsageError(`${option} ${text}: a whole number from ${least} to ${most} is needed`);
  return value;
}

function loadBase(text: string): number {
  const base = Number(text);
  if (Number.isSafeInteger(base) && base % ALIGN === 0 && base >= MIN_BASE && base <= MAX_BASE) return base;
  throw new UsageError(
    `--base ${text}: a multiple of 2 MiB from 0x00200000 to 0x0c000000 is needed, e.g. 0x03400000`,
  );
}
