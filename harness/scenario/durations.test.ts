import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Durations } from './durations.ts';
import {
  baseWord,
  generalExpectation,
  rememberedExpectations,
  rememberExpectations,
} from './expectation-memory.ts';
import type { PlannedInstance } from './plan.ts';
import { instance } from './testdata/fake-run.ts';

const boots = (name: string) => ({ name, outcome: 'boots' });
const keys = (cache: string) =>
  Object.keys(JSON.parse(readFileSync(join(cache, 'durations.json'), 'utf8')) as object);

t.test('durations come back, rounded; another run adds to them', async (t) => {
  const cache = join(t.testdir(), 'deep', 'cache');
  const first = await Durations.read(cache);
  t.equal(first.typicalMs(boots('a')), undefined);
  first.note(boots('a'), 1234.56);
  t.equal(first.typicalMs(boots('a')), 1235);
  await first.write();
  const second = await Durations.read(cache);
  second.note(boots('b'), 2);
  await second.write();
  const third = await Durations.read(cache);
  t.strictSame([third.typicalMs(boots('a')), third.typicalMs(boots('b'))], [1235, 2]);
});

t.test('of two runs at the same time none loses what the other noted', async (t) => {
  const cache = t.testdir();
  const [one, other] = [await Durations.read(cache), await Durations.read(cache)];
  one.note(boots('both'), 1);
  one.note(boots('one'), 1);
  other.note(boots('both'), 2);
  other.note(boots('other'), 2);
  await one.write();
  await other.write();
  const after = await Durations.read(cache);
  t.strictSame(
    ['both', 'one', 'other'].map((name) => after.typicalMs(boots(name))),
    [2, 1, 2],
  );
});

t.test('a base that was never run takes what is usual of its scenario, firmware and outcome', async (t) => {
  const cache = t.testdir();
  const before = await Durations.read(cache);
  [300, 900, 500].forEach((ms, i) => before.note(boots(`xen~efi~base-${i}`), ms));
  before.note({ name: 'xen~efi~base-8', outcome: 'refused' }, 100);
  before.note(boots('xen~bios~base-1'), 10);
  await before.write();
  const now = await Durations.read(cache);
  t.equal(now.typicalMs(boots('xen~efi~base-77')), 500);
  t.equal(now.typicalMs({ name: 'xen~efi~base-77', outcome: 'refused' }), 100);
  t.equal(now.typicalMs(boots('xen~bios~base-77~disk')), 10);
  t.equal(now.typicalMs(boots('xen~efi~base-1')), 900, 'its own is better');
  t.equal(now.typicalMs(boots('probe~efi~base-1')), undefined);
});

t.test('the oldest are dropped beyond 20,000', async (t) => {
  const cache = t.testdir();
  const before = await Durations.read(cache);
  for (let i = 0; i < 20_000; i++) before.note(boots(`xen~efi~base-${i}`), i);
  await before.write();
  const now = await Durations.read(cache);
  now.note(boots('xen~efi~base-0'), 5);
  now.note(boots('new'), 5);
  await now.write();
  t.equal(keys(cache).length, 20_000);
  t.strictSame(keys(cache).slice(-2), ['xen~efi~base-0 boots', 'new boots']);
  t.equal(keys(cache)[0], 'xen~efi~base-2 boots');
});

t.test('a file that is no such file is as none, and one that cannot be written is no error', async (t) => {
  const cache = t.testdir();
  for (const content of ['', 'null', '3', '[1]', '{"a boots":"soon"}', '{"a boots":null}', '{"a":4}']) {
    writeFileSync(join(cache, 'durations.json'), content);
    t.equal((await Durations.read(cache)).typicalMs(boots('a')), undefined, content);
    writeFileSync(join(cache, 'expectations.json'), content);
    t.strictSame(await rememberedExpectations(cache), {}, content);
  }
  const blocked = join(cache, 'durations.json', 'below-a-file');
  const durations = await Durations.read(blocked);
  durations.note(boots('a'), 1);
  await durations.write();
  await rememberExpectations(blocked, []);
  t.pass('neither threw');
});

const ready = (name: string, more: Partial<PlannedInstance> = {}): PlannedInstance =>
  ({
    kind: 'ready',
    instance: { ...instance(), name },
    base: 0x3e00000,
    expectation: { kind: 'boots', base: 0x3e00000 },
    ...more,
  }) as PlannedInstance;

t.test('what a plan expected is remembered by name; repeats and skips are not', async (t) => {
  const cache = join(t.testdir(), 'cache');
  await rememberExpectations(cache, [
    ready('one'),
    ready('two', {
      base: undefined,
      instance: instance({ base: { kind: 'highest' } }),
    }),
    ready('three', { instance: { ...instance({ repeat: 2 }), name: 'three' } }),
    { kind: 'skip', instance: instance(), reason: 'no OVMF' },
  ]);
  await rememberExpectations(cache, [ready('one', { base: 0x400000 })]);
  t.strictSame(await rememberedExpectations(cache), {
    one: { base: '0x00400000', expected: 'boots at 0x03e00000' },
    'small~bios~base-highest~memory-64': { base: 'highest', expected: 'boots at 0x03e00000' },
  });
});

t.test('before any memory map was seen', async (t) => {
  const general = (more: Parameters<typeof instance>[0]) => generalExpectation(instance(more));
  t.match(general({ protocol: 'multiboot1', base: { kind: 'none' } }), /Multiboot 1 knows no relocation/);
  t.match(general({ grubVariant: 'no-relocation' }), /^negative control/);
  t.equal(general({ base: { kind: 'any' } }), 'boots where GRUB puts it');
  t.match(general({ base: { kind: 'highest' } }), /highest base/);
  t.match(general({ base: { kind: 'firmware-owned' } }), /GRUB refuses/);
  t.match(general({ base: { kind: 'at', address: 0x3e00000 } }), /^boots at 0x03e00000, unless/);
  t.match(general({ base: { kind: 'at', address: 0x4101000 } }), /2 MiB boundary/);
  t.equal(baseWord(instance({ base: { kind: 'any' } })), 'any');
  t.equal(baseWord(instance({ base: { kind: 'none' }, protocol: 'multiboot1' })), 'link base');
});
