import t from 'tap';
import { parseElf } from '../elf/elf-image.ts';
import { buildElf, type BuiltSegment } from '../elf/testdata/elf-builder.ts';
import { loadedImage } from './loaded-image.ts';

const bytes = Uint8Array.of(0x90, 0xf4);

function loaded(segments: readonly BuiltSegment[], entry?: bigint): ReturnType<typeof loadedImage> {
  return loadedImage(parseElf(buildElf({ class: 64, segments, ...(entry !== undefined && { entry }) })));
}

t.test('base, size and entry, as GRUB computes them', (t) => {
  const image = loaded(
    [
      { paddr: 0x400000n, vaddr: 0xffff_8000_0040_0000n, bytes, memsz: 0x3000 },
      { paddr: 0x200000n, vaddr: 0xffff_8000_0020_0000n, bytes, memsz: 0x1000 },
      { type: 4, paddr: 0x1000n, bytes },
    ],
    0xffff_8000_0040_0123n,
  );
  t.match(image, { linkBase: 0x200000, loadSize: 0x203000, entry: 0x400123 });
  t.equal(image.segments.length, 2, 'notes are not loaded');
  t.match(loaded([{ paddr: 0x200000n, bytes }]), { linkBase: 0x200000, loadSize: 2, entry: 0x200000 });
  t.end();
});

t.test('what a loader refuses', (t) => {
  const refused = (problem: string, message: RegExp, make: () => unknown): unknown =>
    t.throws(make, { name: 'UnloadableImageError', problem, message });
  refused('no-load-segment', /no PT_LOAD/, () => loaded([{ type: 4, paddr: 0n, bytes }]));
  refused('no-load-segment', /no PT_LOAD/, () => loaded([]));
  refused('crosses-4gib', /at physical 0xfffff000 ends at 0x100000000/, () =>
    loaded([{ paddr: 0xffff_f000n, bytes, memsz: 0x1000 }]),
  );
  refused('entry-outside-segments', /entry point 0x00200000 lies in no segment/, () =>
    loaded([{ paddr: 0x200000n, vaddr: 0xffff_82d0_4020_0000n, bytes }], 0x200000n),
  );
  refused('entry-outside-segments', /entry point 0x00200002/, () =>
    loaded([{ paddr: 0x200000n, bytes }], 0x200002n),
  );
  t.end();
});
