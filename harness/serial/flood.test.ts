import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { CUT_MARK } from './cleaner.ts';
import { FloodGauge } from './flood.ts';
import { SerialConsole, type SerialConsoleOptions } from './serial-console.ts';

t.test('a rate', async (t) => {
  const gauge = new FloodGauge({ maxBytesPerSecond: 1000 });
  t.equal(gauge.bytes(1000, 0), undefined);
  t.match(gauge.bytes(1, 900), /more than 1000 bytes within a second/);
  const slow = new FloodGauge({ maxBytesPerSecond: 1000 });
  for (let second = 0; second < 100; second++) t.equal(slow.bytes(999, second * 1000), undefined);
});

t.test('the same line, and one character, for ever', async (t) => {
  const gauge = new FloodGauge({ maxRepeats: 3 });
  for (const line of ['a', 'a', 'a', 'b', 'a', 'a', 'a']) t.equal(gauge.line(line), undefined);
  t.match(gauge.line('a'), 'the same line 4 times');
  t.match(new FloodGauge().line(`${'!'.repeat(9)}${CUT_MARK}`), 'one character, "!", without end');
  t.equal(new FloodGauge().line(`!!!x${CUT_MARK}`), undefined);
  t.equal(new FloodGauge().line('!!!!'), undefined, 'a short line may be a ruler');
  t.equal(new FloodGauge().line(CUT_MARK), undefined);
});

const flooded = async (text: string, options: SerialConsoleOptions = {}) => {
  let raw = 0;
  const console = new SerialConsole({ raw: { write: (data) => (raw += data.length) }, ...options });
  const landmark = { name: 'end', phase: 'firmware', pattern: /^end$/ } as const;
  const awaited = new SerialConsole({ ...options, landmarks: [landmark] });
  for (const each of [console, awaited]) each.feed(Buffer.from(text));
  const wait = awaited.waitFor(['end'], Deadline.in(10));
  return { state: console.state, raw, wait };
};

t.test(
  'the console calls it at once, keeps the raw bytes so far, and believes nothing after it',
  async (t) => {
    const lines = await flooded('again\n'.repeat(2001) + 'end\n');
    t.equal(lines.state, 'flooded');
    t.equal(lines.raw, 2001 * 6 + 4);
    await t.rejects(lines.wait, { name: 'SerialFloodError', how: 'the same line 2001 times' });
    const character = await flooded('x'.repeat(17 * 1024));
    await t.rejects(character.wait, { name: 'SerialFloodError', how: /^one character, "x"/ });
    const fast = await flooded('0123456789\nabc\n'.repeat(100), { maxBytesPerSecond: 1000 });
    await t.rejects(fast.wait, { name: 'SerialFloodError', how: /^more than 1000 bytes within a second/ });
    const ordinary = await flooded(Array.from({ length: 5000 }, (_, n) => `line ${n}\n`).join(''));
    t.equal(ordinary.state, 'open');
    await t.rejects(ordinary.wait, { name: 'DeadlineError' });
  },
);
