import t from 'tap';
import { RIP, segmentWord, STATE_WORDS } from '../x86/state/state-layout.ts';
import { firstDifference } from './first-difference.ts';
import { traceOf } from './testdata/trace-builder.ts';
import { TraceTruncatedError } from './trace-errors.ts';
import { TraceReader } from './trace-reader.ts';
import type { TraceWriter } from './trace-writer.ts';

type Write = (writer: TraceWriter, words: Int32Array) => void;

/** Two steps before `write`, which may change the words, and one after it. */
async function reading(write: Write, initial = new Int32Array(STATE_WORDS)): Promise<TraceReader> {
  const words = Int32Array.from(initial);
  const file = await traceOf(
    (writer) => {
      for (const value of [1, 2]) {
        words[RIP]! += value;
        writer.step(words);
      }
      write(writer, words);
      words[RIP]! += 1;
      writer.step(words);
    },
    { initial },
  );
  return new TraceReader(file);
}

const plain: Write = (writer, words) => writer.step(words);

t.test('the same steps with other memory and other chunks are the same', async (t) => {
  const other = await reading((writer, words) => {
    writer.memory([{ address: 0, bytes: Uint8Array.of(1) }], 'read');
    void writer.flush();
    writer.step(words);
    writer.digest([{ address: 0, sizeBytes: 1, crc32: 5 }]);
  });
  t.equal(firstDifference(await reading(plain), other), undefined);
});

t.test('another state: its step, its fields by name, both values whole', async (t) => {
  const other = await reading((writer, words) => {
    words[1] = -1;
    words[segmentWord(1)] = 8;
    writer.step(words);
  });
  t.same(firstDifference(await reading(plain), other), {
    kind: 'state',
    step: 3,
    fields: [
      { name: 'rax', left: 0n, right: 0xffff_ffff_0000_0000n },
      { name: 'cs.selector', left: 0n, right: 8n },
    ],
  });
});

t.test('another initial state is step 0', async (t) => {
  const initial = new Int32Array(STATE_WORDS);
  initial[4] = 1;
  t.match(firstDifference(await reading(plain), await reading(plain, initial)), {
    kind: 'state',
    step: 0,
    fields: [{ name: 'rdx', left: 0n, right: 1n }],
  });
});

t.test('another kind, other iterations, fewer steps', async (t) => {
  const input = await reading((writer, words) => writer.input(words));
  t.same(firstDifference(await reading(plain), input), {
    kind: 'record',
    step: 3,
    left: 'step',
    right: 'input',
  });
  const [ten, eleven] = await Promise.all(
    [10, 11].map((count) => reading((writer, words) => writer.repeat(words, count))),
  );
  t.same(firstDifference(ten!, eleven!), { kind: 'iterations', step: 3, left: 10, right: 11 });
  const nothing = await reading(() => undefined);
  const all = await reading((writer, words) => {
    words[RIP]! += 1;
    writer.step(words);
  });
  t.same(firstDifference(nothing, all), { kind: 'record', step: 4, left: 'end', right: 'step' });
});

t.test('inputs may differ where that is asked for, until they agree again', async (t) => {
  const stamped = (stamp: number, after: Write): Promise<TraceReader> =>
    reading((writer, words) => {
      words[0] = stamp;
      writer.input(words);
      after(writer, words);
    });
  const forgotten: Write = (writer, words) => {
    words[0] = 5;
    writer.step(words);
  };
  const [a, b] = [await stamped(1, forgotten), await stamped(2, forgotten)];
  t.match(firstDifference(a, b), { kind: 'state', step: 3, fields: [{ name: 'rax' }] });
  t.equal(firstDifference(a, b, { excuseInputs: true }), undefined);
  const again = (last: number): Write => {
    return (writer, words) => {
      forgotten(writer, words);
      words[0] = last;
      writer.step(words);
    };
  };
  const late = firstDifference(await stamped(1, again(6)), await stamped(2, again(7)), {
    excuseInputs: true,
  });
  t.match(late, { kind: 'state', step: 5, fields: [{ name: 'rax', left: 6n, right: 7n }] });
  const copied = (stamp: number): Write => {
    return (writer, words) => {
      words[2] = stamp;
      writer.step(words);
    };
  };
  const spread = firstDifference(await stamped(1, copied(1)), await stamped(2, copied(2)), {
    excuseInputs: true,
  });
  t.same(spread, { kind: 'state', step: 4, fields: [{ name: 'rcx', left: 1n, right: 2n }] });
});

t.test('damage is an error, not a difference', async (t) => {
  const file = await traceOf((writer) => writer.step(new Int32Array(STATE_WORDS)));
  const whole = new TraceReader(file);
  const cut = new TraceReader(file.subarray(0, file.length - 1));
  t.throws(() => firstDifference(whole, cut), TraceTruncatedError);
});
