/**
 * CLAIM: on random instructions in protected, long and real mode the model does what QEMU does, state by state and byte by
 * byte; a model with one flag wrong is found out, and told by one instruction.
 */
import t from 'tap';
import { divergenceText } from '../harness/oracle/divergence.ts';
import { divergences, smallestDivergence } from '../harness/oracle/smallest-divergence.ts';
import { Replay } from '../harness/replay/replay.ts';
import { type Program, randomProgram } from '../harness/sequences/program.ts';
import { countInstructions } from '../harness/sequences/sequence.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { loadDisassembler } from '../harness/x86/disassembler.ts';
import { CodeStore, type Compiled } from '../harness/x86/execute/code-store.ts';
import type { Bitness } from '../harness/x86/execute/cpu.ts';
import type { PhysicalPage } from '../harness/x86/memory/physical-memory.ts';
import { FLAG, readFlags, writeFlags } from '../harness/x86/state/flags.ts';
import { makeFolder } from '../harness/workdir/run-folder.ts';
import { prepareOracle } from '../scripts/sequences/prepare.ts';

const SEED = 20_261_123;
const SEQUENCES = 150;
const LEAST_INSTRUCTIONS = 2000;
const base = 0x340_0000;
const folder = t.testdir({});
const disassembler = await loadDisassembler();

const oracleOf = async (name: string, store: CodeStore) =>
  prepareOracle({
    store,
    directory: await makeFolder(`${folder}/${name}`),
    base,
    say: (text) => t.comment(text),
  });

const ofMode = ({ sequences }: Program, bitness: Bitness) =>
  sequences.filter((sequence) => sequence.bitness === bitness);

t.test('the model does as QEMU does, and so does the replay of what was captured', async (t) => {
  const store = new CodeStore(disassembler);
  const oracle = await oracleOf('alike', store);
  const program = randomProgram(SEED, SEQUENCES);
  for (const bitness of [16, 32, 64] as const)
    t.ok(countInstructions(ofMode(program, bitness)) > LEAST_INSTRUCTIONS, `${bitness}-bit`);
  const run = await oracle.run(program);
  t.strictSame(divergences(oracle, run, program).map(divergenceText), []);
  t.equal(run.why, 'done reached');
  const replayed = new Replay(new TraceReader(run.trace), run.image, store).run();
  t.match(replayed, { steps: run.totals.steps, divergence: undefined });
});

/** SBB leaves AF as it should not be. */
class OneFlagWrong extends CodeStore {
  override compile(bytes: Uint8Array, bitness: Bitness): Compiled | undefined {
    return withWrongFlag(super.compile(bytes, bitness));
  }

  override compileAt(page: PhysicalPage, offset: number, bitness: Bitness): Compiled | undefined {
    return withWrongFlag(super.compileAt(page, offset, bitness));
  }
}

function withWrongFlag(compiled: Compiled | undefined): Compiled | undefined {
  if (compiled?.instruction.mnemonic !== 'sbb') return compiled;
  return {
    ...compiled,
    operation: (cpu) => {
      compiled.operation(cpu);
      writeFlags(cpu.words, readFlags(cpu.words) ^ FLAG.af);
    },
  };
}

t.test('one flag wrong: found, and shrunk to one instruction', async (t) => {
  const oracle = await oracleOf('sabotaged', new OneFlagWrong(disassembler));
  const program = randomProgram(SEED + 1, 30);
  const run = await oracle.run(program);
  t.ok(run.notes.length > 0);
  const { sequences, divergences: found, boots } = await smallestDivergence(oracle, program, run);
  t.comment(`${boots} boots`);
  t.equal(sequences.length, 1);
  t.match(sequences[0]!.units, { length: 1 });
  t.match(sequences[0]!.units[0]!.pieces.at(-1), { mnemonic: 'sbb' });
  t.match(found[0]!.note, { kind: 'state', fields: [{ name: 'rflags' }] });
  t.match(divergenceText(found[0]!).join('\n'), /sbb [\s\S]*\(AF\)/);
});
