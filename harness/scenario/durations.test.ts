import { writeFileSync } from 'node:fs';
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

t.test('durations come back, rounded; another run adds to them', async (t) => {
  const cache = join(t.testdir(), 'deep', 'cache');
  const first = await Durations.read(cache);
  t.equal(first.typicalMs('a'), undefined);
  first.note('a', 1234.56);
  await first.write();
  const second = await Durations.read(cache);
  second.note('b', 2);
  await second.write();
  const third = await Durations.read(cache);
  t.strictSame([third.typicalMs('a'), third.typicalMs('b')], [1235, 2]);
});

t.test('a file that is no such file is as none, and one that cannot be written is no error', async (t) => {
  const cache = t.testdir();
  for (const content of ['', 'null', '3', '[1]', '{"a":"soon"}', '{"a":null}']) {
    writeFileSync(join(cache, 'durations.json'), content);
    t.equal((await Durations.read(cache)).typicalMs('a'), undefined, content);
    writeFileSync(join(cache, 'expectations.json'), content);
    t.strictSame(await rememberedExpectations(cache), {}, content);
  }
  const blocked = join(cache, 'durations.json', 'below-a-file');
  const durations = await Durations.read(blocked);
  durations.note('a', 1);
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
