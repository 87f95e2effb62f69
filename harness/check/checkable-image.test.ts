import t from 'tap';
import { parseElf } from '../elf/elf-image.ts';
import { buildElf, type BuiltSegment } from '../elf/testdata/elf-builder.ts';
import { loadedImage } from '../multiboot2/loaded-image.ts';
import { requireCheckable } from './checkable-image.ts';

const bytes = Uint8Array.of(0x90, 0xf4);
const loaded = (...segments: BuiltSegment[]) => loadedImage(parseElf(buildElf({ segments })));

t.test('segments side by side, with holes, empty ones', (t) => {
  requireCheckable(
    loaded(
      { paddr: 0x200000n, bytes, memsz: 0x1000 },
      { paddr: 0x201000n, bytes, memsz: 0x1000 },
      { paddr: 0x300000n, bytes, memsz: 512 * 1024 * 1024 - 0x100000 },
    ),
  );
  t.end();
});

t.test('overlapping segments, in whatever order', (t) => {
  const low = { paddr: 0x200000n, bytes, memsz: 0x1001 };
  const high = { paddr: 0x201000n, bytes, memsz: 0x1000 };
  for (const segments of [
    [low, high],
    [high, low],
  ])
    t.throws(() => requireCheckable(loaded(...segments)), {
      name: 'UncheckableImageError',
      problem: 'overlap',
      message:
        /overlap in physical memory: segment \d \(0x00201000…0x00202000\) overlaps .*; link them apart/,
    });
  const many = Array.from({ length: 9 }, () => ({ paddr: 0x200000n, bytes }));
  t.throws(() => requireCheckable(loaded(...many)), { message: / and 5 more; link/ });
  t.end();
});

t.test('larger than memory', (t) => {
  const far = loaded({ paddr: 0x200000n, bytes }, { paddr: 0xf0000000n, bytes });
  t.throws(() => requireCheckable(far), {
    problem: 'larger-than-memory',
    message: /it takes 0xefe00002 bytes in memory, more than the 512 MiB/,
  });
  t.end();
});

t.test('linked within a page', (t) => {
  t.throws(() => requireCheckable(loaded({ paddr: 0x200040n, bytes })), {
    problem: 'unaligned',
    message: /linked at 0x00200040, no multiple of a page .* linker script/,
  });
  t.end();
});
