/**
 * `npm run bench`: one JSON line per figure on standard output, progress on standard error. Peers are measured in the
 * same run, in turn with ours. Take figures on a quiet machine; nothing here is a test.
 */
import { parseArgs } from 'node:util';
import picomatch from 'picomatch';
import { captureLogBios, captureLogEfi, captureStep } from './bench/capture-rate.ts';
import { checkFigure, mutantsFigure } from './bench/check.ts';
import { conformanceFigure, listFigure, matrixFigure, setupFigure } from './bench/commands.ts';
import { figureLines, type Figure } from './bench/figure.ts';
import { instanceOverhead, probeInstance } from './bench/instance-overhead.ts';
import { layoutCost } from './bench/layout-cost.ts';
import { modelFigure, replayFigure } from './bench/model-rate.ts';
import { sanitizerFigure } from './bench/sanitizer-rate.ts';
import { everyBaseFigure, sweepFigure } from './bench/sweep.ts';

const FIGURES: readonly Figure[] = [
  instanceOverhead('bios'),
  instanceOverhead('efi'),
  layoutCost('bios'),
  layoutCost('efi'),
  probeInstance,
  conformanceFigure,
  sweepFigure('bios'),
  sweepFigure('efi'),
  matrixFigure,
  captureLogBios,
  captureLogEfi,
  captureStep,
  replayFigure,
  modelFigure,
  sanitizerFigure('bios'),
  sanitizerFigure('efi'),
  checkFigure,
  mutantsFigure,
  listFigure,
  setupFigure,
  everyBaseFigure,
];

const HELP = `npm run bench -- [--filter GLOB] [--rounds N]

  --filter GLOB  only figures whose name matches, e.g. 'instance-*'
  --rounds N     how often each thing is measured (default: enough for a steady median)
  --help         this

Figures:
${FIGURES.map(({ name, about }) => `  ${name.padEnd(24)} ${about}`).join('\n')}

A figure's parts, where it has some, are lines named figure/part. Each is a line {"name", "value", "unit", "peer"?, "peerValue"?, "ratio"?} on standard output.
`;

class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Options {
  readonly figures: readonly Figure[];
  readonly rounds: number | undefined;
  readonly help: boolean;
}

function readOptions(argv: string[]): Options {
  const { filter, rounds, help } = parsed(argv);
  const count = rounds === undefined ? undefined : Number(rounds);
  if (count !== undefined && !(Number.isSafeInteger(count) && count > 0))
    throw new UsageError(`--rounds ${rounds}: a whole number of at least 1 is needed`);
  const matches = filter === undefined ? undefined : picomatch(filter);
  const figures = FIGURES.filter(({ name, onlyByName }) => matches?.(name) ?? !onlyByName);
  if (figures.length === 0)
    throw new UsageError(
      `no figure matches ${filter}; there are ${FIGURES.map(({ name }) => name).join(', ')}`,
    );
  return { figures, rounds: count, help: help ?? false };
}

function parsed(argv: string[]) {
  try {
    const options = {
      filter: { type: 'string' },
      rounds: { type: 'string' },
      help: { type: 'boolean' },
    } as const;
    return parseArgs({ args: argv, options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function main(argv: string[]): Promise<void> {
  const { figures, rounds, help } = readOptions(argv);
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const say = (text: string) => void process.stderr.write(`bench: ${text}\n`);
  for (const figure of figures) {
    say(figure.name);
    const measured = await figure.measure({ rounds, say });
    for (const line of measured ? figureLines(figure.name, measured) : []) process.stdout.write(`${line}\n`);
  }
}

process.stdout.on('error', () => process.exit(3));
process.on('SIGINT', () => process.exit(130));
try {
  await main(process.argv.slice(2));
  process.exit(0);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 3);
}
