import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import type { Landmark } from './landmark.ts';
import { phaseBudgetMs } from './phase-budget.ts';
import { readings } from './readings.ts';
import { SerialConsole } from './serial-console.ts';

const LANDMARKS: Landmark[] = [
  { name: 'started', phase: 'firmware', pattern: /^loadbase: loader started$/, entersPhase: 'loader' },
  { name: 'loaded', phase: 'loader', pattern: /^loadbase: loaded$/, entersPhase: 'subject' },
  { name: 'version', phase: 'subject', pattern: /^\(XEN\) Xen version (\S+)/ },
  { name: 'exception', phase: 'any', pattern: /^!!!! Exception/ },
];
const make = () => {
  const console = new SerialConsole({ landmarks: LANDMARKS, quietMs: 10 });
  return { console, say: (text: string) => console.feed(Buffer.from(text)) };
};
const seen = (console: SerialConsole) =>
  console.matches.map(({ name, lineNumber, lineCount }) => [name, lineNumber, lineCount]);

t.test('a landmark that is split is found, with its place', async (t) => {
  const cases: [why: string, text: string, match: unknown[]][] = [
    ['whole', 'x\nloadbase: loader started\n', ['started', 2, 1]],
    ['wrapped once', 'x\nloadbase: load\ner started\n', ['started', 2, 2]],
    ['wrapped twice', 'loadb\nase: loader st\narted\n', ['started', 1, 3]],
    ['another line between', 'loadbase: loader st\nBdsDxe: loading\narted\n', ['started', 1, 2]],
    ['with its echo', 'loadbase: loader startedloadbase: loader started\n', ['started', 1, 1]],
    ['by two writers', `${[...'loadbase: loader started'].map((c) => c + c).join('')}\n`, ['started', 1, 1]],
  ];
  for (const [why, text, match] of cases) {
    const { console, say } = make();
    say(text);
    t.strictSame(seen(console), [match], why);
    t.equal(console.phase, 'loader', why);
    console.close();
  }
});

t.test('what is not split so is not made up', async (t) => {
  for (const text of [
    'loadbase: loader\nx\ny\nz\n started\n',
    'started\nloadbase: loader \n',
    'loadbase: loader\n\nstarted\n',
  ]) {
    const { console, say } = make();
    say(text);
    t.strictSame(seen(console), [], JSON.stringify(text));
    console.close();
  }
  t.equal(
    readings([{ text: 'a'.repeat(300), number: 1 }], { text: `${'bc'.repeat(150)}d`, number: 2 }).length,
    1,
    'too long',
  );
});

t.test('it is not believed twice, nor in the wrong phase', async (t) => {
  const { console, say } = make();
  say('loadbase: loader started\nloadbase: loa\nded\n');
  t.strictSame(seen(console), [
    ['started', 1, 1],
    ['loaded', 2, 2],
  ]);
  // A line of the loader's phase and one of the subject's are not one line.
  say('(XEN) Xen version 4.17\n(XEN) more\n');
  t.strictSame(seen(console).slice(2), [['version', 4, 1]], 'once, whatever is joined to it');
  say('loadbase: loa\nded\n');
  t.match(console.outOfPhase, [{ name: 'loaded', phase: 'subject', lineNumber: 6, lineCount: 2 }]);
  t.equal(console.outOfPhase.length, 1);
  console.close();
});

t.test('a split over the border of two phases is none', async (t) => {
  const { console, say } = make();
  say('loadbase: loader started\nloadbase: loa\nloadbase: loaded\nded\n');
  t.strictSame(seen(console), [
    ['started', 1, 1],
    ['loaded', 3, 1],
  ]);
  t.strictSame(console.outOfPhase, []);
  console.close();
});

t.test('control sequences within a landmark', async (t) => {
  const { console, say } = make();
  say(
    '\x1b[2J\x1b[01;01Hload\x1b[0mbase: loader \x1b]0;title\x07started\r\n\x1b[5;1Hloadbase: loa\x1b[6;1Hded\r\n',
  );
  t.strictSame(seen(console), [
    ['started', 1, 1],
    ['loaded', 2, 2],
  ]);
  console.close();
});

t.test('who may speak in any phase', async (t) => {
  const { console, say } = make();
  say('!!!! Exception\nloadbase: loader started\n!!!! Exception\n');
  t.strictSame(
    seen(console).map(([name]) => name),
    ['exception', 'started', 'exception'],
  );
  t.equal(console.phase, 'loader');
  t.match(await console.waitFor(['exception'], Deadline.in(20_000)), { lineNumber: 1, phase: 'firmware' });
  console.close();
});

t.test('an unfinished rest of a split landmark counts when the guest is quiet, once', async (t) => {
  const { console, say } = make();
  say('loadbase: loader\n started');
  await console.waitFor(['started'], Deadline.in(20_000));
  say('\n');
  t.strictSame(seen(console), [['started', 1, 2]]);
  console.close();
});

t.test('the phases’ shares leave the subject some', async (t) => {
  const total = 60_000;
  t.ok(phaseBudgetMs('firmware', total) + phaseBudgetMs('loader', total) < total);
});
