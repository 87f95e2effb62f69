/** Boot information that breaks no rule, with its context: of BIOS, EFI, and EFI with boot services kept. */
import type { InformationContext } from '../information-view.ts';
import { type BuiltTag, information, padded, words } from './image-builder.ts';

export interface Handover {
  readonly tags: readonly BuiltTag[];
  readonly given: InformationContext;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);
const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

const LOAD_BASE = 0x60_0000;

const BIOS_CONTEXT: InformationContext = {
  address: 0x10_0008,
  firmware: 'bios',
  entry: 'multiboot32',
  loadBase: LOAD_BASE,
  imageRange: { start: LOAD_BASE, end: LOAD_BASE + 0x2000 },
  relocatable: true,
  keptBootServices: false,
  requested: [1, 6, 13, 21],
  modules: 2,
  alignedModules: true,
  memoryTop: 0x800_0000,
};
const EFI_CONTEXT: InformationContext = { ...BIOS_CONTEXT, firmware: 'efi' };
const KEPT_CONTEXT: InformationContext = {
  ...EFI_CONTEXT,
  entry: 'efi64',
  keptBootServices: true,
  requested: [1, 12, 18],
};

export const MODULE = (start: number, end: number): BuiltTag => ({
  type: 3,
  payload: joined(words(start, end), text('module')),
});
/** Base, length and type; all below 4 GiB. */
export const MEMORY_MAP = (...entries: readonly (readonly number[])[]): BuiltTag => ({
  type: 6,
  payload: joined(
    words(24, 0),
    ...entries.map(([base = 0, length = 0, type = 0, reserved = 0]) =>
      words(base, 0, length, 0, type, reserved),
    ),
  ),
});
/** Type, first byte and pages. */
export const EFI_MAP = (...entries: readonly (readonly number[])[]): BuiltTag => ({
  type: 17,
  payload: joined(
    words(48, 1),
    ...entries.map(([type = 0, start = 0, pages = 0]) =>
      words(type, 0, start, 0, 0, 0, pages, 0, 0xf, 0, 0, 0),
    ),
  ),
});
/** EGA text unless `fields` has an RGB type and colours. */
export const FRAMEBUFFER = (
  { address = 0xb8000, pitch = 160, width = 80, height = 25, bits = 16, type = 2 },
  ...colours: number[]
): BuiltTag => ({
  type: 8,
  payload: joined(words(address, 0, pitch, width, height), Uint8Array.of(bits, type, 0, 0, ...colours)),
});
export const RGB = { address: 0xe000_0000, pitch: 4096, width: 1024, height: 768, bits: 32, type: 1 };

/** An RSDP with its checksums right, of 20 or 36 bytes. */
export function rsdp(revision: number): Uint8Array {
  const bytes = new Uint8Array(revision < 2 ? 20 : 36);
  bytes.set(new TextEncoder().encode('RSD PTR '));
  bytes[15] = revision;
  const checksum = (at: number, size: number): void => {
    bytes[at] = -bytes.subarray(0, size).reduce((sum, byte) => sum + byte, 0) & 0xff;
  };
  checksum(8, 20);
  if (revision >= 2) {
    bytes[20] = 36;
    checksum(32, 36);
  }
  return bytes;
}

export const VBE_PAYLOAD = joined(words(0, 0), new TextEncoder().encode('VESA'), new Uint8Array(764));

const COMMON: readonly BuiltTag[] = [
  { type: 21, payload: [LOAD_BASE] },
  { type: 1, payload: text('a=b ä') },
  { type: 2, payload: text('A loader') },
  MODULE(0x10_1000, 0x10_1005),
  MODULE(0x10_2000, 0x10_4000),
  { type: 9, payload: words(2, 40, 1, ...new Array<number>(20).fill(0)) },
  { type: 14, payload: rsdp(0) },
];
const MAPS: readonly BuiltTag[] = [
  MEMORY_MAP([0, 0x9fc00, 1], [0x9fc00, 0x400, 2], [0x10_0000, 0x7f0_0000, 1]),
  { type: 4, payload: [639, 0x7f00 * 4] },
];

export const BIOS: Handover = {
  given: BIOS_CONTEXT,
  tags: [
    ...COMMON,
    ...MAPS,
    { type: 5, payload: [0x80, 0, 0xffff_ffff] },
    { type: 7, payload: VBE_PAYLOAD },
    { type: 10, payload: words(0, 0, 0, 0, 0) },
    { type: 13, payload: joined(words(0x0802, 0), words(24)) },
    FRAMEBUFFER({}),
  ],
};
export const EFI: Handover = {
  given: EFI_CONTEXT,
  tags: [
    ...COMMON,
    ...MAPS,
    { type: 12, payload: [0x7e0_0018, 0] },
    { type: 15, payload: rsdp(2) },
    EFI_MAP([7, 0, 0x9f], [2, 0x10_0000, 0x7f00], [0x8000_0000, 0xff00_0000, 1]),
    FRAMEBUFFER(RGB, 16, 8, 8, 8, 0, 8),
  ],
};
export const KEPT: Handover = {
  given: KEPT_CONTEXT,
  tags: [
    ...COMMON,
    { type: 12, payload: [0x7e0_0018, 0] },
    { type: 15, payload: rsdp(2) },
    { type: 18 },
    { type: 20, payload: [0x7e0_1018, 0] },
  ],
};

/** As bytes, with an end tag and some bytes of another's behind. */
export function handedOver({ tags }: Handover): Uint8Array {
  return padded(information(tags), new Uint8Array(64).fill(0x5a));
}

/** The same with a tag of this type in place of its own; `undefined` leaves it out, a new type is added. */
export function withTag(handover: Handover, type: number, tag: BuiltTag | undefined): Handover {
  const others = handover.tags.filter((other) => other.type !== type);
  return { ...handover, tags: tag === undefined ? others : [...others, tag] };
}

export function withContext(handover: Handover, given: Partial<InformationContext>): Handover {
  return { ...handover, given: { ...handover.given, ...given } };
}
