/** The command line of `npm run sabotage`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import picomatch from 'picomatch';
import { UsageError } from '../../harness/cli/exit-codes.ts';
import { DEFECTS } from '../../harness/sabotage/catalogue.ts';
import type { Defect } from '../../harness/sabotage/defect.ts';

export interface SabotageOptions {
  readonly defects: readonly Defect[];
  /** How many ordinary instances are run as the control. */
  readonly clean: number;
  readonly jobs: number;
  readonly timeoutMs: number;
  /** Every machine from its reset vector. */
  readonly cold: boolean;
  readonly list: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

export const HELP = `npm run sabotage -- [--filter GLOB] [--clean N] [--jobs N] [--timeout S] [--cold] [--list] [--json]

  --filter GLOB  only defects whose name matches, e.g. 'trampoline-*'; or a depth: image, grub, machine
  --clean N      ordinary instances that must pass: the default matrix until there are N (default 100; 0: none)
  --jobs N       machines at a time (default: one a core)
  --timeout S    seconds an instance may take (default 60)
  --cold         boot every machine from its reset vector instead of forking a frozen one
  --list         the defects and what each breaks
  --json         one JSON document instead of the table
  --help         this

Exit: 0 every defect killed by the right witness and no false alarm; 1 not so; 2 wrong options; 3 the host; 130 interrupted.
`;

const OPTIONS = {
  filter: { type: 'string' },
  clean: { type: 'string', default: '100' },
  jobs: { type: 'string', default: String(availableParallelism()) },
  timeout: { type: 'string', default: '60' },
  cold: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** @throws UsageError */
export function readOptions(argv: string[]): SabotageOptions {
  const { filter, clean, jobs, timeout, ...flags } = parsed(argv);
  return {
    defects: matching(filter),
    clean: whole('--clean', clean, 0),
    jobs: whole('--jobs', jobs, 1),
    timeoutMs: whole('--timeout', timeout, 1) * 1000,
    ...flags,
  };
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function matching(filter: string | undefined): readonly Defect[] {
  if (filter === undefined) return DEFECTS;
  const matches = picomatch(filter);
  const defects = DEFECTS.filter(({ name, make }) => matches(name) || make.depth === filter);
  if (defects.length === 0)
    throw new UsageError(
      `no defect matches ${filter}; there are ${DEFECTS.map(({ name }) => name).join(', ')}`,
    );
  return defects;
}

function whole(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`${option} ${text}: a whole number of at least ${least} is needed`);
  return value;
}
