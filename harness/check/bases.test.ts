/** CLAIM: every base that the image's own header allows, no other; and a few that it asks loaders not to choose. */
import t from 'tap';
import { buildElf } from '../elf/testdata/elf-builder.ts';
import { header, type BuiltTag } from '../multiboot2/testdata/image-builder.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { basesToCheck, isMisaligned } from './bases.ts';

const relocatable = (min: number, max: number, align: number): BuiltTag => ({
  type: 10,
  payload: [min, max, align, 2],
});

function imageOf(tags: readonly BuiltTag[], memsz = 0x3c8000, paddr = 0x200000n) {
  return parseBootImage(buildElf({ segments: [{ paddr, bytes: header(tags), memsz }], firstOffset: 0x80 }));
}

const XEN = imageOf([relocatable(0x200000, 0xffffffff, 0x200000)]);

t.test('all: every slot that leaves room below 4 GiB, as Xen has them, and misaligned ones', (t) => {
  const bases = basesToCheck('all', XEN);
  const aligned = bases.filter((base) => !isMisaligned(base, XEN));
  t.equal(aligned.length, 2046);
  t.equal(aligned[0], 0x200000);
  t.equal(aligned.at(-1), 0xffc00000);
  const misaligned = bases.filter((base) => isMisaligned(base, XEN));
  t.strictSame(misaligned, [0x4001000, 0x4100000, 0x80001000, 0x80100000]);
  t.end();
});

t.test('telling: one of each class', (t) => {
  t.strictSame(
    basesToCheck('telling', XEN).map((base) => base.toString(16)),
    [
      ...['200000', '400000', '600000', 'e00000', '1000000', '3e00000', '4000000', '4001000', '4100000'],
      ...['3fe00000', '40000000', '7fe00000', '80000000', '80001000', '80100000', 'ffc00000'],
    ],
  );
  t.end();
});

t.test('a finer or coarser alignment, a window of its own', (t) => {
  const fine = imageOf([relocatable(0x100000, 0x8000000, 0x1000)], 0x2000);
  const slots = basesToCheck('all', fine);
  t.equal(slots[0], 0x200000);
  t.ok(slots.includes(0x7e00000));
  t.notOk(slots.includes(0x8000000), 'no room there');
  t.strictSame(
    slots.filter((base) => isMisaligned(base, fine)).map((base) => base % 0x1000),
    [],
    'the model moves whole pages',
  );
  t.ok(basesToCheck('telling', fine).includes(0x3fff000), 'straddles 64 MiB by a page');
  const coarse = imageOf([relocatable(0, 0xffffffff, 0x1000000)]);
  t.ok(basesToCheck('all', coarse).every((base) => isMisaligned(base, coarse) || base % 0x1000000 === 0));
  const narrow = imageOf([relocatable(0x501000, 0x504000, 0x1000)], 0x2000);
  t.ok(basesToCheck('all', narrow).includes(0x501000), 'a window without a whole slot');
  t.end();
});

t.test('an image that cannot be moved has one base', (t) => {
  const fixed = imageOf([]);
  t.strictSame(basesToCheck('all', fixed), [0x200000]);
  t.strictSame(basesToCheck('telling', fixed), [0x200000]);
  t.strictSame(basesToCheck([0x200000], fixed), [0x200000]);
  t.throws(() => basesToCheck([0x400000], fixed), {
    name: 'BaseNotAllowedError',
    message: /no relocatable header tag/,
  });
  t.end();
});

t.test('given: in order, each once; what the tag does not allow is refused with the reason', (t) => {
  t.strictSame(
    basesToCheck([0x80000000, 0x400000, 0x4101000, 0x400000], XEN),
    [0x400000, 0x4101000, 0x80000000],
  );
  const refused = (base: number, message: RegExp, image = XEN) =>
    t.throws(() => basesToCheck([base], image), { name: 'BaseNotAllowedError', message });
  refused(0x100000, /below the image's lowest address 0x00200000/);
  refused(0xffe00000, /is beyond 0xffffffff; choose a base of at most 0xffc00000/);
  refused(0x8000000, /above the image's highest address/, imageOf([relocatable(0, 0x8000000, 0x1000)]));
  t.end();
});

t.test('a window with no place for the image', (t) => {
  const image = imageOf([relocatable(0x200000, 0x300000, 0x1000)]);
  for (const choice of ['all', 'telling'] as const)
    t.throws(() => basesToCheck(choice, image), {
      name: 'BaseNotAllowedError',
      message: /leaves room for the image \(0x3c8000 bytes\)/,
    });
  t.end();
});

t.test('a base within a page', (t) => {
  t.throws(() => basesToCheck([0x3e0_0800], XEN), {
    name: 'BaseNotAllowedError',
    message: /0x03e00800 is no multiple of a page .* the nearest is 0x03e00000/,
  });
  t.end();
});
