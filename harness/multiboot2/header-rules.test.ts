import t from 'tap';
import { parseElf } from '../elf/elf-image.ts';
import { type BuiltSegment, buildElf, type ElfRecipe } from '../elf/testdata/elf-builder.ts';
import type { CheckedImage } from './checked-image.ts';
import { checkHeader, HEADER_RULES } from './header-rules.ts';
import { parseMultiboot2Header } from './image-header.ts';
import { loadedImage } from './loaded-image.ts';
import { brokenRules } from './rule-finding.ts';
import { type BuiltTag, header, MIN, padded, RELOCATABLE } from './testdata/image-builder.ts';

const CODE = new Uint8Array(64).fill(0x90);
/** The first byte after a header of `tags` in an image that begins with it. */
const entryAfter = (tags: readonly BuiltTag[]): number => MIN + header(tags).length;

interface Recipe extends Partial<ElfRecipe> {
  readonly tags?: readonly BuiltTag[];
  readonly more?: readonly BuiltSegment[];
  readonly memsz?: number;
}

function elfImage({ tags = [RELOCATABLE], more = [], memsz = 0x2000, ...recipe }: Recipe = {}): CheckedImage {
  const bytes = buildElf({
    entry: BigInt(entryAfter(tags)),
    segments: [{ paddr: BigInt(MIN), bytes: padded(header(tags), CODE), memsz }, ...more],
    firstOffset: 0x80,
    ...recipe,
  });
  const elf = parseElf(bytes);
  return { bytes, header: parseMultiboot2Header(bytes), elf, loaded: loadedImage(elf) };
}

/** An image without ELF headers, loaded from its first byte on. */
function flatImage(tags: readonly BuiltTag[]): CheckedImage {
  const bytes = padded(header(tags), CODE);
  return { bytes, header: parseMultiboot2Header(bytes), elf: undefined, loaded: undefined };
}

const ADDRESS = (header: number, load: number, loadEnd: number, bssEnd: number): BuiltTag => ({
  type: 2,
  payload: [header, load, loadEnd, bssEnd],
});
const ENTRY = (type: 3 | 8 | 9, entry = MIN + 0x90): BuiltTag => ({ type, optional: true, payload: [entry] });
const BOOT_SERVICES: BuiltTag = { type: 7, optional: true };
const SOUND_ADDRESS = ADDRESS(MIN, MIN, 0, 0);
const window = (min: number, max: number, align: number, preference = 0): BuiltTag => ({
  type: 10,
  optional: true,
  payload: [min, max, align, preference],
});

const SOUND: readonly CheckedImage[] = [
  elfImage(),
  elfImage({ tags: [] }),
  elfImage({
    class: 64,
    tags: [RELOCATABLE, { type: 1, payload: [1, 6] }, { type: 1, optional: true, payload: [99] }],
  }),
  elfImage({ tags: [RELOCATABLE, BOOT_SERVICES, ENTRY(9), ENTRY(8), ENTRY(3), { type: 4, payload: [3] }] }),
  flatImage([SOUND_ADDRESS, ENTRY(3, MIN + 0x40)]),
  flatImage([ADDRESS(MIN, 0xffffffff, MIN + 0x70, MIN + 0x1000), BOOT_SERVICES, ENTRY(9, MIN + 0x60)]),
];

function patched(image: CheckedImage, change: (view: DataView, header: number) => void): CheckedImage {
  const bytes = Uint8Array.from(image.bytes);
  change(new DataView(bytes.buffer), image.header.offset);
  return { ...image, bytes };
}
const withHeader = (change: Partial<CheckedImage['header']>): CheckedImage => {
  const image = elfImage();
  return { ...image, header: { ...image.header, ...change } };
};
const withRelocations = (type: number): CheckedImage => {
  const image = elfImage();
  const nothing = { flags: 0n, address: 0n, offset: 0, size: 0, link: 0, info: 0, align: 0, entrySize: 0 };
  return {
    ...image,
    elf: image.elf && { ...image.elf, sections: [{ index: 0, name: '.rel', type, ...nothing }] },
  };
};
/** A header without tags where the parser would pass it over. */
function atOffset(offset: number): CheckedImage {
  const bytes = new Uint8Array(0x9000);
  bytes.set(header([]), offset);
  return { ...flatImage([]), bytes, header: { offset, architecture: 0, length: 24, tags: [] } };
}
const OVERLAPPING = [{ paddr: BigInt(MIN + 0x1000), bytes: CODE }];

/** For each rule, images that break it and nothing else. */
const BREAKAGES: Readonly<Record<string, readonly CheckedImage[]>> = {
  'header-place': [atOffset(0x7ff8), atOffset(0x84)],
  'header-checksum': [patched(elfImage(), (view, at) => view.setUint32(at + 12, 1, true))],
  'header-architecture': [withHeader({ architecture: 4 })],
  'header-length': [withHeader({ length: 56 })],
  'header-tag-size': [
    elfImage({ tags: [RELOCATABLE, { type: 6, payload: [0, 0] }] }),
    elfImage({ tags: [{ type: 1, payload: Uint8Array.of(1, 0, 0, 0, 2) }] }),
  ],
  'header-tag-flags': [patched(elfImage(), (view, at) => view.setUint16(at + 16 + 2, 3, true))],
  'required-tags-known': [elfImage({ tags: [{ type: 77 }] })],
  'efi32-entry-optional': [elfImage({ tags: [{ type: 8, payload: [MIN + 0x60] }] })],
  'tags-once': [elfImage({ tags: [RELOCATABLE, RELOCATABLE] })],
  'requests-known': [elfImage({ tags: [{ type: 1, payload: [22] }] })],
  'requests-served': [elfImage({ tags: [{ type: 1, payload: [13] }] })],
  'relocatable-preference': [elfImage({ tags: [window(MIN, 0xffffffff, MIN, 3)] })],
  'console-flags': [elfImage({ tags: [{ type: 4, payload: [7] }] })],
  'window-holds-image': [
    elfImage({ tags: [window(MIN, MIN + 0x1fff, 0x1000)] }),
    elfImage({ tags: [window(0, 0x1fff, 0x1000)] }),
  ],
  'window-holds-aligned-base': [elfImage({ tags: [window(MIN - 0x1000, MIN + 0x3000, 0x800000)] })],
  'window-alignment': [elfImage({ tags: [window(MIN, 0xffffffff, 0x300)] })],
  'link-base-in-window': [
    elfImage({ tags: [window(2 * MIN, 0xffffffff, MIN)] }),
    elfImage({ tags: [window(0, MIN + 0x1fff, MIN)] }),
  ],
  'link-base-aligned': [elfImage({ tags: [window(0, 0xffffffff, 0x400000)] })],
  'address-tag-has-entry': [
    flatImage([SOUND_ADDRESS]),
    flatImage([SOUND_ADDRESS, ENTRY(3, MIN)].slice(0, 1)),
  ],
  'address-tag-order': [
    flatImage([ADDRESS(MIN, MIN - 8, 0, 0), ENTRY(3, MIN + 0x40)]),
    flatImage([ADDRESS(MIN, MIN, MIN + 0x70, MIN + 0x60), ENTRY(3, MIN + 0x40)]),
  ],
  'entry-in-image': [
    elfImage({ tags: [ENTRY(3, MIN + 0x1000)] }),
    elfImage({ tags: [BOOT_SERVICES, ENTRY(9, MIN - 1)] }),
    elfImage({ entry: BigInt(MIN + 0x1fff) }),
    flatImage([SOUND_ADDRESS, ENTRY(3, MIN + 0x1000)]),
  ],
  'efi64-entry-effective': [elfImage({ tags: [ENTRY(9, MIN + 0x20)] })],
  'boot-services-have-entry': [elfImage({ tags: [BOOT_SERVICES] })],
  'segments-disjoint': [elfImage({ tags: [], more: OVERLAPPING })],
  'moved-segments-disjoint': [elfImage({ more: OVERLAPPING })],
  'elf-program-headers': [patched(elfImage(), (view) => view.setUint16(0x2a, 0x8000, true))],
  'elf-type': [patched(elfImage(), (view) => view.setUint16(0x10, 1, true))],
  'elf-machine': [elfImage({ machine: 62 }), elfImage({ class: 64, machine: 3 })],
  'elf-without-relocations': [withRelocations(4), withRelocations(9)],
};

t.test('sound images break no rule, and every rule is asked of one or another', (t) => {
  const asked = new Set<string>();
  SOUND.forEach((image, index) => {
    const findings = checkHeader(image);
    t.strictSame(brokenRules(findings), [], `image ${index}`);
    findings.forEach(({ rule }) => asked.add(rule));
  });
  t.strictSame(
    HEADER_RULES.map(({ name }) => name).filter((name) => !asked.has(name)),
    [],
  );
  t.end();
});

t.test('each rule has breakages that make exactly it speak', (t) => {
  t.strictSame(Object.keys(BREAKAGES).sort(), HEADER_RULES.map(({ name }) => name).sort());
  for (const [name, images] of Object.entries(BREAKAGES))
    images.forEach((image, index) => {
      const findings = brokenRules(checkHeader(image));
      t.strictSame(
        findings.map(({ rule }) => rule),
        [name],
        `${name}, breakage ${index}: ${findings.map(({ text }) => text).join(' | ')}`,
      );
    });
  t.end();
});

t.test('a breach says whether the loader refuses the image, and GRUB’s words for it', (t) => {
  const [refused] = brokenRules(checkHeader(elfImage({ tags: [window(MIN, MIN + 0x1fff, 0x1000)] })));
  t.match(refused, {
    severity: 'refused',
    grubError: 'invalid min/max address and/or load size',
    text: /^0x00002000 bytes for 0x00200000…0x00201fff; Multiboot2 §3\.1\.13/,
  });
  const [doubtful] = brokenRules(checkHeader(elfImage({ tags: [BOOT_SERVICES] })));
  t.match(doubtful, { severity: 'doubtful', grubError: undefined });
  t.end();
});
