import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import type { Landmark } from './landmark.ts';
import { SerialConsole, type SerialConsoleOptions } from './serial-console.ts';

const LANDMARKS: Landmark[] = [
  { name: 'loader started', phase: 'firmware', pattern: /^loadbase: loader started/g, entersPhase: 'loader' },
  { name: 'prompt', phase: 'loader', pattern: /^grub> $/ },
  { name: 'loaded', phase: 'loader', pattern: /^loadbase: loaded/, entersPhase: 'subject' },
  { name: 'xen version', phase: 'subject', pattern: /^\(XEN\) Xen version (\S+)/ },
  { name: 'early error', phase: 'subject', pattern: /^ERR: .+!$/ },
  { name: 'firmware banner', phase: 'firmware', pattern: /^SeaBIOS/ },
];

class Kept {
  text = '';
  write(data: string | Uint8Array): void {
    this.text += Buffer.from(data as string).toString('latin1');
  }
}

const inTime = () => Deadline.in(20_000);
const make = (options: SerialConsoleOptions = {}) => {
  const [raw, clean] = [new Kept(), new Kept()];
  const console = new SerialConsole({ landmarks: LANDMARKS, raw, clean, quietMs: 20, ...options });
  const say = (text: string) => console.feed(Buffer.from(text, 'latin1'));
  return { console, say, raw, clean };
};
const BOOT =
  'SeaBIOS\r\n\x1b[Hloadbase: loader started\n\rloadbase: loaded\n\r(XEN) Xen version 4.17.1 (x)\r\n';

t.test('raw bytes and cleaned lines are kept apart', async (t) => {
  const { console, say, raw, clean } = make();
  say('\x1b[1ma\r\nb');
  t.equal(raw.text, '\x1b[1ma\r\nb');
  t.equal(clean.text, 'a\n');
  t.same(console.lines(), ['a', 'b']);
  t.equal(console.text(), 'a\nb');
  console.close();
  t.equal(clean.text, 'a\nb\n');
  t.same(console.lines(), ['a', 'b']);
});

t.test('phases and their lines', async (t) => {
  const { console, say } = make();
  t.equal(console.phase, 'firmware');
  say(BOOT);
  t.equal(console.phase, 'subject');
  t.same(console.lines('firmware'), ['SeaBIOS', 'loadbase: loader started']);
  t.same(console.lines('loader'), ['loadbase: loaded']);
  t.equal(console.text('subject'), '(XEN) Xen version 4.17.1 (x)');
  t.same(
    console.matches.map(({ name, phase, lineNumber }) => [name, phase, lineNumber]),
    [
      ['firmware banner', 'firmware', 1],
      ['loader started', 'firmware', 2],
      ['loaded', 'loader', 3],
      ['xen version', 'subject', 4],
    ],
  );
  t.match(console.lastLandmark, { name: 'xen version', captures: ['4.17.1'] });
  console.close();
});

t.test('a landmark out of its phase is recorded and not believed', async (t) => {
  const { console, say } = make();
  say('(XEN) Xen version 4.17 says the firmware\r\n');
  await t.rejects(console.waitFor(['xen version'], Deadline.in(30)), { name: 'DeadlineError' });
  say(`${BOOT}SeaBIOS\r\n`);
  t.match(console.outOfPhase, [
    { name: 'xen version', phase: 'firmware', lineNumber: 1 },
    { name: 'firmware banner', phase: 'subject', lineNumber: 6 },
  ]);
  t.match(await console.waitFor(['xen version'], inTime()), { captures: ['4.17.1'] });
  console.close();
});

t.test('waiting: for what was said already, in its order, and for what will be', async (t) => {
  const { console, say } = make();
  const coming = console.waitFor(['loaded'], inTime());
  say(BOOT);
  t.match(await coming, { name: 'loaded' });
  t.match(await console.waitFor(['xen version', 'loader started'], inTime()), { name: 'loader started' });
  await t.rejects(console.waitFor(['no such name'], inTime()), { name: 'LandmarkNameError' });
  console.close();
});

t.test('a pattern with the g flag sees every line', async (t) => {
  const pattern = /tick/g;
  const { console, say } = make({ landmarks: [{ name: 'tick', phase: 'firmware', pattern }] });
  say('tick\n'.repeat(5));
  t.equal(console.matches.length, 5);
  console.close();
});

t.test('an unfinished line counts when the guest is quiet: a prompt, last words', async (t) => {
  const { console, say } = make();
  say('loadbase: loader started\n\rgru');
  const prompt = console.waitFor(['prompt'], inTime());
  say('b> ');
  t.match(await prompt, { line: 'grub> ' });
  say('\r\nloadbase: loaded\r\nERR: Not a CPU!');
  t.match(await console.waitFor(['early error'], inTime()), { line: 'ERR: Not a CPU!', lineNumber: 4 });
  say('\r\n');
  t.equal(console.matches.filter(({ name }) => name === 'early error').length, 1, 'and once, when it ends');
  console.close();
});

t.test('what is captured from a line that comes in pieces is whole', async (t) => {
  const { console, say } = make({ quietMs: 100_000 });
  say(BOOT.slice(0, BOOT.indexOf('17')));
  const version = console.waitFor(['xen version'], inTime());
  say(BOOT.slice(BOOT.indexOf('17')));
  t.same((await version).captures, ['4.17.1']);
  console.close();
});

t.test('an unfinished line that enters a phase is still one line', async (t) => {
  const { console, say } = make();
  say('loadbase: loader started');
  await console.waitFor(['loader started'], inTime());
  t.equal(console.phase, 'loader');
  say(' and on\r\nnext\r\n');
  t.same(console.lines('firmware'), ['loadbase: loader started and on']);
  t.same(console.lines('loader'), ['next']);
  console.close();
});

t.test('a deadline says what was awaited and what was last seen', async (t) => {
  const { console, say } = make();
  say('SeaBIOS\r\n\r\n');
  const error = await console.waitFor(['loaded', 'prompt'], Deadline.in(10)).catch((e: unknown) => e);
  t.match(error, { awaited: '“loaded” or “prompt” on the serial console', lastSeen: 'SeaBIOS' });
  console.close();
});

t.test('the close flushes the last line, which may be a landmark, and ends the waits', async (t) => {
  const { console, say } = make();
  say('SeaBIOS\r\nloadbase: loader started');
  const started = console.waitFor(['loader started'], inTime());
  const loaded = console.waitFor(['loaded'], inTime());
  console.close();
  t.match(await started, { lineNumber: 2 });
  await t.rejects(loaded, { name: 'SerialClosedError', lastLine: 'loadbase: loader started' });
  await t.rejects(console.waitFor(['loaded'], inTime()), { name: 'SerialClosedError' });
  say('late');
  console.close();
  t.equal(console.state, 'closed');
  t.equal(console.receivedBytes, 37, 'counted all the same');
});

t.test('a flood is counted, not kept', async (t) => {
  const { console, say, raw, clean } = make({ maxBytes: 100 });
  const loaded = console.waitFor(['loaded'], inTime());
  say(`SeaBIOS\r\n${'x'.repeat(80)}`);
  t.equal(console.state, 'open');
  say('y'.repeat(1000));
  await t.rejects(loaded, { name: 'SerialFloodError', how: '100 bytes' });
  t.equal(console.state, 'flooded');
  say('loadbase: loader started\r\n');
  console.close();
  t.equal(console.state, 'flooded');
  t.equal(raw.text.length, 100);
  t.equal(console.receivedBytes, 89 + 1000 + 26);
  t.match(clean.text, /the guest floods \(100 bytes\); nothing more is kept/);
  t.match(await console.waitFor(['firmware banner'], inTime()), { line: 'SeaBIOS' }, 'what was said stands');
  await t.rejects(console.waitFor(['loader started'], inTime()), { name: 'SerialFloodError' });
});

t.test('a flood of empty lines is one too', async (t) => {
  const { console, say } = make({ maxLines: 10 });
  say('\n'.repeat(1000));
  t.equal(console.state, 'flooded');
  t.equal(console.lines().length, 10);
});

t.test('a guest that repeats a landmark can not push another one out', async (t) => {
  const { console, say } = make();
  say('loadbase: loader started\n' + 'grub> \n'.repeat(2000) + 'loadbase: loaded\n');
  t.equal(console.matches.length, 1000);
  t.match(await console.waitFor(['loaded'], inTime()), { lineNumber: 2002 });
  console.close();
});

t.test('listeners and the last lines', async (t) => {
  const { console, say } = make();
  const heard: string[] = [];
  const stop = console.onLine((line) => heard.push(`${line.number} ${line.phase} ${line.text}`));
  say('one\r\n\r\n');
  stop();
  say('two\r\nthree');
  t.same(heard, ['1 firmware one', '2 firmware ']);
  t.same(console.lastLines(2), ['two', 'three']);
  t.same(console.lastLines(9), ['one', 'two', 'three']);
  console.close();
});

t.test('two landmarks of one name are refused', async (t) => {
  t.throws(() => make({ landmarks: [LANDMARKS[0]!, LANDMARKS[0]!] }), { name: 'LandmarkNameError' });
});
