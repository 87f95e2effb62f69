/**
 * `npm run sequences`: long runs of random instruction sequences under QEMU against the model. A line a program goes to
 * standard output; a divergence is shrunk and ends the run.
 */
import { exitCodeOf, UsageError } from '../harness/cli/exit-codes.ts';
import { interruptSignal } from '../harness/cli/interrupt.ts';
import { divergenceText, sequenceText } from '../harness/oracle/divergence.ts';
import type { OracleRun, SequenceOracle } from '../harness/oracle/sequence-oracle.ts';
import { sizeText, smallestDivergence } from '../harness/oracle/smallest-divergence.ts';
import { type Program, randomProgram } from '../harness/sequences/program.ts';
import { createRunFolder } from '../harness/workdir/run-folder.ts';
import { CodeStore } from '../harness/x86/execute/code-store.ts';
import { loadDisassembler } from '../harness/x86/disassembler.ts';
import { HELP, readOptions, type SequencesOptions } from './sequences/options.ts';
import { prepareOracle } from './sequences/prepare.ts';

const say = (text: string) => void process.stderr.write(`sequences: ${text}\n`);
const print = (text: string) => void process.stdout.write(`${text}\n`);

/** @returns whether QEMU and the model agree on all. */
async function run(
  { seed, count, sequences, base }: SequencesOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { path: directory } = await createRunFolder();
  const store = new CodeStore(await loadDisassembler());
  const oracle = await prepareOracle({ store, directory, base, say });
  for (let at = seed; at < seed + count && !signal.aborted; at++) {
    const program = randomProgram(at, sequences);
    const done = await oracle.run(program);
    const steps = done.totals.steps.toLocaleString('en');
    print(`seed ${at}: ${sizeText(program.sequences)}, ${steps} steps, ${done.notes.length} divergences`);
    if (done.notes.length === 0) continue;
    await tellSmallest(oracle, program, done);
    say(
      `again: npm run sequences -- --seed ${at} --count 1 --sequences ${sequences}; evidence: ${directory}`,
    );
    return false;
  }
  return true;
}

async function tellSmallest(oracle: SequenceOracle, program: Program, done: OracleRun): Promise<void> {
  const smallest = await smallestDivergence(oracle, program, done);
  print(`smallest, after ${smallest.boots} boots: ${sizeText(smallest.sequences)}`);
  for (const sequence of smallest.sequences) print(sequenceText(sequence).join('\n'));
  for (const divergence of smallest.divergences) print(divergenceText(divergence).join('\n'));
}

async function main(argv: string[], signal: AbortSignal): Promise<number> {
  const options = readOptions(argv);
  if (!options.help) return (await run(options, signal)) ? 0 : 1;
  process.stdout.write(HELP);
  return 0;
}

process.stdout.on('error', () => process.exit(3));
const signal = interruptSignal();
try {
  const code = await main(process.argv.slice(2), signal);
  process.exit(signal.aborted ? 130 : code);
} catch (error) {
  if (signal.aborted) process.exit(130);
  say(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof UsageError ? 2 : exitCodeOf(error));
}
