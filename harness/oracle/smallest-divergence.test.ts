/** With an oracle that is not there: it finds every program with a certain instruction at fault. */
import t from 'tap';
import { randomProgram, type Program } from '../sequences/program.ts';
import { TraceWriter } from '../trace/trace-writer.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import { divergenceText, sequenceText } from './divergence.ts';
import type { OracleRun } from './sequence-oracle.ts';
import { sizeText, smallestDivergence } from './smallest-divergence.ts';

const header: TraceHeader = {
  ...{ schema: 'loadbase.trace/1', instance: 'none', firmware: 'bios', way: 'log', accelerator: 'tcg' },
  ...{ inside: [], tools: [], capturedAt: new Date(0).toISOString() },
  subject: {
    ...{ name: 'none', imageSha256: '0'.repeat(64), changes: [], imageSizeBytes: 0, linkBase: 0 },
    ...{ loadBase: 0, segments: [] },
  },
};

async function emptyTrace(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const writer = new TraceWriter((bytes) => void pieces.push(bytes), header, new Int32Array(STATE_WORDS));
  await writer.end('done');
  return Buffer.concat(pieces);
}

const has = ({ sequences }: Pick<Program, 'sequences'>, name: string) =>
  sequences.some(({ units }) => units.some(({ pieces }) => pieces.some(({ mnemonic }) => mnemonic === name)));

async function oracleAgainst(name: string) {
  const trace = await emptyTrace();
  return {
    regionBase: () => 0,
    run: async (program: Program): Promise<OracleRun> => ({
      ...{
        trace,
        image: new Uint8Array(),
        why: 'done',
        excursions: 0,
        scoutMs: 0,
        recordingMs: 0,
        way: 'log',
      },
      totals: { steps: 0, guestSteps: 0 },
      notes: has(program, name) ? [{ kind: 'memory', step: 1, address: 0x1000, sizeBytes: 1 }] : [],
    }),
  };
}

t.test('what only memory shows is shrunk, too, from the whole program', async (t) => {
  const oracle = await oracleAgainst('xadd');
  const program = randomProgram(5, 40);
  const smallest = await smallestDivergence(oracle, program, await oracle.run(program));
  t.equal(smallest.sequences.length, 1);
  t.ok(has(smallest, 'xadd'));
  t.match(smallest.divergences, { length: 1 });
  t.match(divergenceText(smallest.divergences[0]!).join('\n'), /1 bytes at 0x00001000/);
  t.match(sequenceText(smallest.sequences[0]!).join('\n'), /bit, rflags=[\s\S]*xadd/);
  t.match(sizeText(smallest.sequences), /^1 sequence, \d instructions?$/);
});

t.test('what does not come again', async (t) => {
  const oracle = await oracleAgainst('nothing');
  const program = randomProgram(5, 2);
  await t.rejects(smallestDivergence(oracle, program, await oracle.run(program)), {
    name: 'NothingToShrinkError',
  });
});
