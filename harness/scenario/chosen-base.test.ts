/** CLAIM: where GRUB had a choice it is judged by the map of this boot; where it had none, nothing is said. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { BootRecord } from '../boot/boot-record.ts';
import type { LoaderReport } from '../grub/console.ts';
import { header, image, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { observePlacement } from './chosen-base.ts';
import type { Instance } from './contract.ts';
import type { ReadyInstance } from './plan.ts';
import { loadSubject } from './subject.ts';
import { instance, MEMORY_MAP, SMALL, smallSubject } from './testdata/fake-run.ts';

const folder = t.testdir({});
const MOVABLE = await smallSubject(folder);
const path = join(folder, 'fixed');
writeFileSync(path, image(header([{ ...RELOCATABLE, type: 1, payload: [6] }])));
const FIXED = await loadSubject('xen', path, undefined, 'fixed');

const LOW = { minAddr: 0x200_0000, maxAddr: 0x300_0000, align: 0x1000, preference: 'low' } as const;

function plannedWith(more: Partial<ReadyInstance> = {}, axes: Partial<Instance> = {}): ReadyInstance {
  const one = instance({ base: { kind: 'window', name: 'middle-0x1000-low' }, ...axes });
  return {
    ...{
      kind: 'ready',
      instance: one,
      subject: MOVABLE,
      given: SMALL.given(one),
      base: undefined,
      window: LOW,
    },
    ...{ spec: {} as ReadyInstance['spec'], memoryMap: MEMORY_MAP, loaderName: 'GRUB 2.06-fake' },
    expectation: { kind: 'boots' },
    ...more,
  };
}

function booted(loader: Partial<LoaderReport> = {}, end?: BootRecord['end']): BootRecord {
  return {
    end: end ?? { kind: 'subject', meaning: 'expected', text: 'done' },
    loader: {
      ...{ choice: 'x', memoryMap: MEMORY_MAP, loadBase: 0x200_0000, relocatable: true, errors: [] },
      ...loader,
    },
    ...{ checkpoints: [], missed: [], subjectLines: [] },
  };
}

t.test('a base that the window and the map leave', async (t) => {
  t.match(observePlacement(plannedWith(), booted()), [{ ok: true, text: /^GRUB chose 0x02000000: / }]);
});

t.test('a base that they do not', async (t) => {
  const cases: readonly (readonly [loadBase: number, text: RegExp])[] = [
    [0x200_1000, /^GRUB chose 0x02001000, which is allowed, but the image asks for the lowest one/],
    [0x1f0_0000, /^GRUB chose 0x01f00000, but /],
    [0x2ff_f000, /^GRUB chose 0x02fff000, but /],
    [0x200_0800, /^GRUB chose 0x02000800, but /],
  ];
  for (const [loadBase, text] of cases) {
    const observations = observePlacement(plannedWith(), booted({ loadBase }));
    t.match(observations, [{ ok: false, text }]);
    t.equal(observations.length, 1);
  }
});

t.test('a refusal, with reason and without', async (t) => {
  const refused = booted({ loadBase: undefined }, { kind: 'refused', errors: ['out of memory'] });
  t.match(observePlacement(plannedWith(), refused), [{ ok: false, text: /^GRUB refused .* without reason/ }]);
  const nowhere = { ...LOW, minAddr: 0xd000_0000, maxAddr: 0xe000_0000 };
  const [placed] = observePlacement(plannedWith({ window: nowhere }), booted({ loadBase: 0xd000_0000 }));
  t.match(placed, { ok: false, text: /^GRUB chose 0xd0000000, but must refuse: / });
});

t.test('the map is that of this boot, not of the survey', async (t) => {
  const memoryMap = MEMORY_MAP.map((region) =>
    region.start === 0x10_0000 ? { ...region, start: 0x210_0000 } : region,
  );
  const { text, ok } = observePlacement(plannedWith(), booted({ memoryMap }))[0]!;
  t.notOk(ok, text);
  t.match(observePlacement(plannedWith(), booted({ memoryMap: undefined })), [
    { ok: false, text: 'this boot printed no memory map to judge the placement by' },
  ]);
});

t.test('a known deviation of this loader is told as such, and of no other', async (t) => {
  // The last possible start taken for the last possible end: one image too low (window-deviations.ts).
  const window = { ...LOW, preference: 'high' } as const;
  const { loadSize } = MOVABLE.image.loaded;
  const record = booted({ loadBase: LOW.maxAddr - 2 * loadSize });
  t.match(observePlacement(plannedWith({ window }), record), [
    { ok: true, text: /^known deviation: GRUB chose .* \[known of this loader, highest-one-image-short: / },
  ]);
  t.match(observePlacement(plannedWith({ window, loaderName: 'GRUB 2.12' }), record), [
    { ok: false, text: /^GRUB chose .* the highest one/ },
  ]);
});

t.test('the image’s own tag is a window, too', async (t) => {
  const own = plannedWith({ window: undefined }, { base: { kind: 'any' } });
  const highest = 0x400_0000 - 0x20_0000;
  t.match(observePlacement(own, booted({ loadBase: highest })), [{ ok: true }]);
  t.match(observePlacement(own, booted({ loadBase: 0x20_1000 })), [{ ok: false }]);
});

t.test('nothing is said where there was no choice, or no word of it', async (t) => {
  const silent = (why: string, planned: ReadyInstance, record = booted({ loadBase: 0x1000 })) =>
    t.strictSame(observePlacement(planned, record), [], why);
  silent('a forced base', plannedWith({ base: 0x200_0000 }));
  silent('an image that cannot be moved', plannedWith({ subject: FIXED, window: undefined }));
  silent('a protocol that moves nothing', plannedWith({}, { protocol: 'multiboot1' }));
  silent('a GRUB that moves nothing', plannedWith({}, { grubVariant: 'no-relocation' }));
  silent('no loader spoke', plannedWith(), { ...booted(), loader: undefined });
  silent('the loader did not say where', plannedWith(), booted({ loadBase: undefined }));
  t.equal(observePlacement(plannedWith(), booted({ loadBase: 0x1000 })).length, 1, 'else it would be');
});
