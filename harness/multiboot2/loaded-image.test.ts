import t from 'tap';
import { parseElf } from '../elf/elf-image.ts';
import { buildElf, type BuiltSegment } from '../elf/testdata/elf-builder.ts';
import { parseMultiboot2Header } from './image-header.ts';
import { addressTag, loadedByAddressTag, loadedImage } from './loaded-image.ts';
import { header, padded } from './testdata/image-builder.ts';

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

/** A flat file of 0x200 bytes, its header at its start and linked to 0x400000, with these tags. */
function flat(...tags: Parameters<typeof header>[0]) {
  const file = Buffer.concat([padded(header(tags)), Buffer.alloc(0x200)]).subarray(0, 0x200);
  const found = parseMultiboot2Header(file);
  const tag = addressTag(found);
  if (!tag) throw new Error('no address tag');
  return loadedByAddressTag(found, tag, file.length);
}

const LINKED = 0x40_0000;
const address = (...fields: number[]) => ({ type: 2, payload: fields });
const entry = (at: number) => ({ type: 3, payload: [at] });

t.test('a flat image, by its address header tag', (t) => {
  t.match(flat(address(LINKED, LINKED, 0, 0), entry(LINKED + 0x80)), {
    ...{ linkBase: LINKED, loadSize: 0x200, entry: LINKED + 0x80 },
    segments: [{ offset: 0, filesz: 0x200, memsz: 0x200, paddr: BigInt(LINKED) }],
  });
  t.match(flat(address(LINKED, LINKED, LINKED + 0x100, LINKED + 0x3000), entry(LINKED)), {
    ...{ loadSize: 0x3000, segments: [{ filesz: 0x100, memsz: 0x3000 }] },
  });
  t.match(flat(address(LINKED, 0xffff_ffff, 0, 0), entry(LINKED)), { linkBase: LINKED });
  t.end();
});

t.test('a flat image that no loader can load', (t) => {
  const refused = (problem: string, message: RegExp, ...tags: Parameters<typeof header>[0]): unknown =>
    t.throws(() => flat(...tags), { name: 'UnloadableImageError', problem, message });
  const toOwnEnd = address(LINKED, LINKED, 0, 0);
  refused('entry-outside-segments', /no entry address header tag/, toOwnEnd);
  refused('entry-outside-segments', /no entry address header tag/, toOwnEnd, entry(LINKED + 0x200));
  refused('address-tag', /513 bytes/, address(LINKED, LINKED, LINKED + 513, 0), entry(LINKED));
  refused('address-tag', /offset -16/, address(LINKED + 16, LINKED, 0, 0), entry(LINKED));
  refused('address-tag', /1 in memory/, address(LINKED, LINKED, 0, LINKED + 1), entry(LINKED));
  const top = 0xffff_fff0;
  refused('crosses-4gib', /ends at 0x1/, address(top, top, 0, 0), entry(top));
  t.end();
});
