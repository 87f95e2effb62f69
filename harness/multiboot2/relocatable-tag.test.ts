import t from 'tap';
import { parseMultiboot2Header } from './image-header.ts';
import { forcedWindow, relocatableTag, withRelocatableTag } from './relocatable-tag.ts';
import { header, image, RELOCATABLE } from './testdata/image-builder.ts';

/** Every start that GRUB's relocator would consider with such a window. */
function candidateStarts(window: ReturnType<typeof forcedWindow>, loadSize: number): number[] {
  const starts: number[] = [];
  const align = window.align || 1;
  const first = Math.ceil(window.minAddr / align) * align;
  for (let start = first; start <= window.maxAddr - loadSize && starts.length < 10; start += align)
    starts.push(start);
  return starts;
}

t.test('the copy has the new window, and nothing else changed', (t) => {
  const original = image(header([{ type: 6 }, RELOCATABLE]));
  const before = Uint8Array.from(original);
  const window = { minAddr: 0x9c000000, maxAddr: 0x9c002000, align: 0x1000, preference: 'low' } as const;
  const altered = withRelocatableTag(original, window);
  t.strictSame(original, before, 'the original is left alone');
  const parsed = parseMultiboot2Header(altered);
  t.match(relocatableTag(parsed), window);
  t.strictSame(parsed.length, parseMultiboot2Header(original).length);
  const tag = relocatableTag(parsed);
  const differing = [...altered.keys()].filter((index) => altered[index] !== original[index]);
  t.ok(differing.length > 0 && tag);
  t.ok(differing.every((index) => tag && index >= tag.offset + 8 && index < tag.offset + 24));
  t.end();
});

t.test('with several tags the last counts, and all are rewritten', (t) => {
  const original = image(header([RELOCATABLE, { type: 10, payload: [1, 2, 3, 0] }]));
  t.match(relocatableTag(parseMultiboot2Header(original)), {
    minAddr: 1,
    maxAddr: 2,
    align: 3,
    required: true,
  });
  const window = { minAddr: 5, maxAddr: 6, align: 1, preference: 'none' } as const;
  t.match(parseMultiboot2Header(withRelocatableTag(original, window)).tags, [window, window]);
  t.end();
});

t.test('no tag to rewrite', (t) => {
  const original = image(header([{ type: 6 }]));
  const window = forcedWindow(0x400000, 0x2000, 0x200000);
  t.throws(() => withRelocatableTag(original, window), { name: 'NoRelocatableTagError' });
  t.throws(() => withRelocatableTag(new Uint8Array(64), window), { name: 'NoMultiboot2HeaderError' });
  t.equal(relocatableTag(parseMultiboot2Header(original)), undefined);
  t.end();
});

t.test('a forced window has exactly one place', (t) => {
  const loadSize = 0x3c8000;
  const cases: [base: number, align: number, expected: number][] = [
    [0x3e00000, 0x200000, 0x200000],
    [0x4101000, 0x200000, 0x1000],
    [0x4101001, 0x200000, 1],
    [0x80000000, 0x200000, 0x200000],
    [0x80001000, 0x200000, 0x1000],
    [0x200000, 0, 0x200000],
    [0x600000, 0x300000, 0x200000],
    [0, 0x200000, 0x200000],
    [0, 0, 1],
  ];
  for (const [base, align, expected] of cases) {
    const window = forcedWindow(base, loadSize, align);
    t.match(window, { minAddr: base, maxAddr: base + loadSize, align: expected });
    t.strictSame(candidateStarts(window, loadSize), [base], `only ${base.toString(16)}`);
  }
  t.match(forcedWindow(0xffffffff - loadSize, loadSize, 1), { maxAddr: 0xffffffff });
  t.end();
});

t.test('a window that 32 bits cannot name', (t) => {
  const loadSize = 0x200000;
  const problem = { name: 'ForcedWindowError' };
  t.throws(() => forcedWindow(0xffe00000, loadSize, 0x200000), { ...problem, message: /end 0x100000000/ });
  t.throws(() => forcedWindow(-1, loadSize, 1), problem);
  t.throws(() => forcedWindow(0.5, loadSize, 1), problem);
  t.throws(() => forcedWindow(Number.NaN, loadSize, 1), problem);
  t.end();
});
