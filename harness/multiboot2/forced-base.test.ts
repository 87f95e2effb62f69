import t from 'tap';
import { parseElf } from '../elf/elf-image.ts';
import { checkForcedBase, type ForcedBaseProblem, type ForcedBaseRequest } from './forced-base.ts';
import { parseMultiboot2Header } from './image-header.ts';
import { loadedImage } from './loaded-image.ts';
import { type BuiltTag, header, image, RELOCATABLE } from './testdata/image-builder.ts';

const MEMORY = { lowRamSizeBytes: 0x20000000 };

function check(
  base: number,
  more: Partial<ForcedBaseRequest> = {},
  tag: BuiltTag = RELOCATABLE,
): ForcedBaseProblem | undefined {
  const file = image(header([tag]));
  return checkForcedBase({
    base,
    header: parseMultiboot2Header(file),
    loaded: loadedImage(parseElf(file)),
    ...more,
  });
}

t.test('bases that hold', (t) => {
  for (const base of [0x200000, 0x3e00000, 0x80000000, 0xffc00000]) t.equal(check(base), undefined);
  t.equal(check(0x1fe00000, { memory: MEMORY }), undefined);
  t.equal(check(0x4101000, { allowMisaligned: true }), undefined);
  t.equal(check(0x4101000, {}, { type: 10, payload: [0, 0xffffffff, 0, 0] }), undefined, 'align 0 is 1');
  t.end();
});

t.test('bases that do not, each with its numbers and a next step', (t) => {
  const narrow = { type: 10, payload: [0x200000, 0x10000000, 0x200000, 0] };
  const cases: [ForcedBaseProblem | undefined, string, RegExp][] = [
    [check(0x4101000), 'misaligned', /0x04101000 .* 0x200000; choose 0x04000000 or 0x04200000/],
    [check(0x100000), 'below-window', /0x00100000 is below .* 0x00200000/],
    [check(0x10000000, {}, narrow), 'above-window', /= 0x10002000 .* 0x10000000; .* at most 0x0fe00000/],
    [check(0xffffe000), 'above-4gib', /0xffffe000 \+ load size 0x00002000 = 0x100000000 .* 0xffe00000/],
    [
      check(0x20000000, { memory: MEMORY }),
      'beyond-memory',
      /ends at 0x20002000, past .*\(0x20000000\); choose a lower base/,
    ],
    [check(0x400000, {}, { type: 6 }), 'not-relocatable', /always loads at 0x00200000.*0x00400000/],
  ];
  for (const [problem, kind, message] of cases) {
    t.equal(problem?.kind, kind);
    t.match(problem?.message, message);
  }
  t.equal(check(0x100000, { allowMisaligned: true })?.kind, 'below-window');
  t.end();
});
