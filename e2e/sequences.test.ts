/**
 * CLAIM: on random instructions in protected, long and real mode the model does what QEMU does, state by state and byte by
 * byte; a model with one flag wrong is found out, and told by one instruction.
 */
import CRC32 from 'crc-32';
import t from 'tap';
import { divergenceText } from '../harness/oracle/divergence.ts';
import { divergences, smallestDivergence } from '../harness/oracle/smallest-divergence.ts';
import type { OracleRun } from '../harness/oracle/sequence-oracle.ts';
import { habitsOf, memoryWithImage } from '../harness/replay/loaded-memory.ts';
import { Replay } from '../harness/replay/replay.ts';
import { type Program, randomProgram } from '../harness/sequences/program.ts';
import { countInstructions } from '../harness/sequences/sequence.ts';
import { END, MEMORY } from '../harness/trace/record.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { loadDisassembler } from '../harness/x86/disassembler.ts';
import { CodeStore, type Compiled } from '../harness/x86/execute/code-store.ts';
import { CodeCache } from '../harness/x86/execute/code-cache.ts';
import { type Bitness, Cpu } from '../harness/x86/execute/cpu.ts';
import { SILENT } from '../harness/x86/execute/inputs.ts';
import { run, step } from '../harness/x86/execute/step.ts';
import type { StopReason } from '../harness/x86/execute/stop.ts';
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
  const done = await oracle.run(program);
  t.strictSame(divergences(oracle, done, program).map(divergenceText), []);
  t.equal(done.why, 'done reached');
  const replayed = new Replay(new TraceReader(done.trace), done.image, store).run();
  t.match(replayed, { steps: done.totals.steps, divergence: undefined });
  const [stepped, ran] = [alone(done, oracle.end, store, 'step'), alone(done, oracle.end, store, 'run')];
  t.equal(stepped.reason?.kind, 'left');
  t.strictSame(ran, stepped, 'whole blocks do what single steps do');
});

/** The model without a recording beside it, to the specimen's end: its last state, and a digest of its memory. */
function alone({ trace, image }: OracleRun, end: number, store: CodeStore, how: 'step' | 'run') {
  const reader = new TraceReader(trace);
  const cursor = reader.cursor();
  const memory = memoryWithImage(reader.header, image);
  const cpu = new Cpu(memory, SILENT, habitsOf(reader.header));
  cpu.load(cursor.words);
  // Nothing but early boot writes here: what it reads first stood there from the beginning.
  for (let kind = cursor.next(); kind !== END; kind = cursor.next())
    if (kind === MEMORY) for (const { address, bytes } of cursor.memory) memory.load(address, bytes);
  const code = new CodeCache(store, (low) => low !== end);
  let reason: StopReason | undefined;
  while (reason === undefined) reason = how === 'step' ? step(cpu, code) : run(cpu, code).reason;
  const pages = [...memory.pages()].sort((a, b) => a.frame - b.frame);
  const digest = pages.map(({ frame, bytes }) => `${frame}:${CRC32.buf(bytes)}`).join(' ');
  return { state: [...cpu.state()], digest, reason };
}

/** SBB leaves AF as it should not be. */
class OneFlagWrong extends CodeStore {
  override compile(bytes: Uint8Array, bitness: Bitness): Compiled | undefined {
    return withWrongFlag(super.compile(bytes, bitness));
  }

  override compileAt(page: PhysicalPage, offset: number, bitness: Bitness): Compiled | undefined {
    return withWrongFlag(super.compileAt(page, offset, bitness));
  }
}

const wrong = new WeakSet<Compiled>();

function withWrongFlag(compiled: Compiled | undefined): Compiled | undefined {
  if (compiled?.instruction.mnemonic !== 'sbb' || wrong.has(compiled)) return compiled;
  const made: Compiled = {
    ...compiled,
    operation: (cpu) => {
      compiled.operation(cpu);
      writeFlags(cpu.words, readFlags(cpu.words) ^ FLAG.af);
    },
  };
  wrong.add(made);
  return made;
}

t.test('one flag wrong: found, and shrunk to one instruction', async (t) => {
  const oracle = await oracleOf('sabotaged', new OneFlagWrong(disassembler));
  const program = randomProgram(SEED + 1, 30);
  const done = await oracle.run(program);
  t.ok(done.notes.length > 0);
  const { sequences, divergences: found, boots } = await smallestDivergence(oracle, program, done);
  t.comment(`${boots} boots`);
  t.equal(sequences.length, 1);
  t.match(sequences[0]!.units, { length: 1 });
  t.match(sequences[0]!.units[0]!.pieces.at(-1), { mnemonic: 'sbb' });
  t.match(found[0]!.note, { kind: 'state', fields: [{ name: 'rflags' }] });
  t.match(divergenceText(found[0]!).join('\n'), /sbb [\s\S]*\(AF\)/);
});
