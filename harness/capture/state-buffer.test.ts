import t from 'tap';
import { STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import { StateBuffer } from './state-buffer.ts';

function state(rip: bigint, rcx = 0n, rax = 0n): Int32Array {
  const words = new Int32Array(STATE_WORDS);
  writeField(words, 'rip', rip);
  writeField(words, 'rcx', rcx);
  writeField(words, 'rax', rax);
  return words;
}

const rips = ({ words, count }: { words: Int32Array; count: number }) =>
  Array.from({ length: count }, (_, index) => words[index * STATE_WORDS + 32]);

t.test('told twice is told once; another visit is another step', async (t) => {
  const buffer = new StateBuffer([]);
  for (const rip of [1n, 2n, 2n, 3n, 2n]) buffer.add(state(rip));
  buffer.add(state(2n, 5n));
  t.same(rips(buffer.take()), [1, 2, 3, 2, 2]);
  buffer.add(state(2n, 5n));
  t.equal(buffer.count, 0, 'also where the first was taken');
});

t.test('iterations of one instruction are one step', async (t) => {
  const buffer = new StateBuffer([0x20n, 0xffff82d040200020n]);
  for (const words of [state(1n), state(0x20n, 3n), state(0x20n, 2n), state(0x20n, 1n), state(0x22n, 0n)])
    buffer.add(words);
  buffer.add(state(0xffff82d040200020n, 7n));
  buffer.add(state(0xffff82d040200020n, 4n));
  buffer.add(state(0xffff82d040200022n, 2n));
  const states = buffer.take();
  t.same(rips(states), [1, 0x20, 0x22, 0x40200020, 0x40200022]);
  t.same([...states.iterations], [0, 0, 3, 0, 5]);
});

t.test('after an excursion the state is told again by the log', async (t) => {
  const buffer = new StateBuffer([]);
  buffer.add(state(1n));
  buffer.restart(state(1n));
  buffer.add(state(1n));
  buffer.add(state(2n));
  t.same(rips(buffer.take()), [1, 1, 2]);
});

t.test('more states than it had room for', async (t) => {
  const buffer = new StateBuffer([]);
  for (let rip = 0n; rip < 5000n; rip++) buffer.add(state(rip));
  const states = buffer.take();
  t.same(
    rips(states),
    Array.from({ length: 5000 }, (_, index) => index),
  );
  t.equal(states.words.length, 5000 * STATE_WORDS);
});
