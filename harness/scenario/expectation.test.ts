import t from 'tap';
import { header, image, MIN, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { relocatableTag } from '../multiboot2/relocatable-tag.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import type { BaseChoice, Instance } from './contract.ts';
import {
  expectationOf,
  expectationText,
  NoSuchBaseError,
  predictedRefusal,
  resolveBase,
  windowOf,
  windowRequest,
} from './expectation.ts';
import { instance, MEMORY_MAP } from './testdata/fake-run.ts';

const MOVABLE = parseBootImage(image(header([RELOCATABLE])));
const FIXED = parseBootImage(image(header([])));
const at = (base: BaseChoice, more: Partial<Instance> = {}) => instance({ base, ...more });
const facts = { image: MOVABLE, map: MEMORY_MAP, misalignedText: 'ERR: misaligned!' };

t.test('a base in numbers', async (t) => {
  const resolve = (base: BaseChoice, map = MEMORY_MAP) => resolveBase(at(base), MOVABLE, map);
  t.equal(resolve({ kind: 'any' }), undefined);
  t.equal(resolve({ kind: 'none' }), undefined);
  t.equal(resolve({ kind: 'at', address: 0x123000 }), 0x123000);
  t.equal(resolve({ kind: 'highest' }), 0x3e00000, 'the last 2 MiB of 64');
  t.throws(() => resolve({ kind: 'firmware-owned' }), NoSuchBaseError);
  const owned = [
    ...MEMORY_MAP.slice(0, 2),
    { start: 0x100000, end: 0x1000000, use: 'free', label: 'RAM' },
  ] as const;
  const kept = { start: 0x1000000, end: 0x1100000, use: 'reserved', label: 'ACPI' } as const;
  t.equal(resolve({ kind: 'firmware-owned' }, [...owned, kept]), 0x1000000);
  t.throws(() => resolve({ kind: 'highest' }, []), /memory map has no highest base/);
});

t.test('an image that cannot be moved has no highest base', async (t) => {
  const resolve = (kind: 'highest' | 'firmware-owned') => () => resolveBase(at({ kind }), FIXED, MEMORY_MAP);
  t.throws(resolve('highest'), /no relocatable header tag, so no base can be forced/);
  t.throws(resolve('firmware-owned'), NoSuchBaseError);
});

t.test('how an instance should end', async (t) => {
  const expected = (base: number | undefined, more: Partial<Instance> = {}) =>
    expectationOf(instance(more), base, facts);
  t.strictSame(expected(undefined), { kind: 'boots' });
  t.strictSame(expected(0x3e00000), { kind: 'boots', base: 0x3e00000 });
  t.strictSame(expected(0x4000000 - 0x1000), {
    kind: 'refused',
    base: 0x3fff000,
    reason: 'there is no memory at all of 0x03fff000–0x04000fff',
  });
  t.strictSame(expected(0x301000), { kind: 'early-error', base: 0x301000, text: 'ERR: misaligned!' });
  t.strictSame(expected(0x3e00000, { grubVariant: 'no-relocation' }), {
    kind: 'not-relocated',
    base: 0x3e00000,
    linkBase: 0x200000,
  });
  t.strictSame(expected(undefined, { protocol: 'multiboot1' }), { kind: 'boots', base: 0x200000 });
});

t.test('in words', async (t) => {
  t.equal(expectationText({ kind: 'boots' }), 'boots where GRUB puts it');
  t.equal(expectationText({ kind: 'boots', base: 0x3e00000 }), 'boots at 0x03e00000');
  t.equal(expectationText({ kind: 'refused', base: 0, reason: 'kept' }), 'GRUB refuses: kept');
  t.equal(expectationText({ kind: 'early-error', base: 0, text: 'ERR: x!' }), 'says “ERR: x!”');
  t.match(
    expectationText({ kind: 'not-relocated', base: 0x3e00000, linkBase: 0x200000 }),
    /lands at its link base 0x00200000, not at 0x03e00000/,
  );
});

t.test('a refusal is asked of the map that is given', async (t) => {
  t.equal(predictedRefusal('bios', 0x3e00000, MOVABLE, MEMORY_MAP), undefined);
  t.match(predictedRefusal('bios', 0x3e00000, MOVABLE, MEMORY_MAP.slice(0, 2)), /no memory at all/);
});

const SIZE = MOVABLE.loaded.loadSize;
const windowed = (name: string, more: Partial<Instance> = {}) => at({ kind: 'window', name }, more);

t.test('what is written into the tag', async (t) => {
  const { align } = relocatableTag(MOVABLE.header)!;
  const forced = { minAddr: 0x3e00000, maxAddr: 0x3e00000 + SIZE, align };
  t.match(windowOf(at({ kind: 'at', address: 0x3e00000 }), MOVABLE, 0x3e00000, MEMORY_MAP), forced);
  t.equal(windowOf(at({ kind: 'any' }), MOVABLE, undefined, MEMORY_MAP), undefined, 'it stays as it is');
  t.equal(windowOf(at({ kind: 'at', address: MIN }), FIXED, MIN, MEMORY_MAP), undefined, 'there is none');
});

t.test('the window of a case: of the image’s size, of the map', async (t) => {
  const window = (name: string, more: Partial<Instance> = {}) =>
    windowOf(windowed(name, more), MOVABLE, undefined, MEMORY_MAP);
  t.strictSame(window('exact-0x1000-high'), {
    ...{ minAddr: 0x200_0000, maxAddr: 0x200_0000 + SIZE, align: 0x1000, preference: 'high' },
  });
  t.match(window('top-of-memory-0x1000-none'), { maxAddr: 0x400_0000 });
  t.throws(() => window('middle'), /no window case is called middle/);
  t.throws(() => window('across-descriptors-0x1000-none'), /no window case is called/, 'it is of EFI only');
});

t.test('a map without such a window: the instance is skipped with the reason', async (t) => {
  for (const name of ['straddles-firmware-0x1000-low', 'top-of-memory-0x1000-none']) {
    const resolve = () => windowOf(windowed(name), MOVABLE, undefined, []);
    t.throws(resolve, NoSuchBaseError);
    t.throws(resolve, /^this memory map has no window “[a-z-]+” for 0x2000 bytes$/);
  }
});

t.test('whether boot services are kept decides which memory is free', async (t) => {
  const keeping = parseBootImage(image(header([RELOCATABLE, { type: 7, optional: true }])));
  const window = { minAddr: 0, maxAddr: 1, align: 1, preference: 'low' } as const;
  t.match(windowRequest(window, keeping, 'efi'), { ...window, keepsBootServices: true, firmware: 'efi' });
  t.match(windowRequest(window, MOVABLE, 'bios'), { keepsBootServices: false, sizeBytes: SIZE });
});

t.test('how a window should end is told, not decided: the boot’s own map does that', async (t) => {
  const expected = (name: string) => {
    const window = windowOf(windowed(name), MOVABLE, undefined, MEMORY_MAP);
    return expectationOf(windowed(name), undefined, { ...facts, window });
  };
  const placed = expected('exact-0x1000-none');
  t.match(placed, { kind: 'window', window: { minAddr: 0x200_0000 }, predicted: /^GRUB places it: / });
  t.match(expected('inverted-0x1000-none'), { kind: 'window', predicted: /^GRUB refuses: / });
  t.match(expected('beyond-memory-0x1000-none'), { predicted: /^GRUB refuses: / });
  t.match(expectationText(placed), /^GRUB places it: /);
});
