/** Header tags: what an image asks of its loader (Multiboot2 Specification 2.0 §3.1.3–§3.1.13). */
import { type ByteReader } from '../bits/byte-reader.ts';

/** How a loader should choose among the places a window leaves; other values than 1 and 2 mean `none` to GRUB. */
export type LoadPreference = 'none' | 'low' | 'high';

/** The four fields of the relocatable header tag. Physical addresses and bytes, 32 bits each. */
export interface RelocationWindow {
  /** No part of the image lies below. */
  readonly minAddr: number;
  /** The image's end may reach this address. */
  readonly maxAddr: number;
  /** A power of two; 0 is taken for 1. */
  readonly align: number;
  readonly preference: LoadPreference;
}

interface HeaderTagPlace {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes, padding left out. */
  readonly size: number;
  /** A loader that does not know the tag must refuse the image (flags bit 0 clear). */
  readonly required: boolean;
}

type HeaderTagFields =
  | { readonly type: 'informationRequest'; readonly tagTypes: readonly number[] }
  | {
      readonly type: 'address';
      readonly headerAddr: number;
      readonly loadAddr: number;
      readonly loadEndAddr: number;
      readonly bssEndAddr: number;
    }
  | { readonly type: 'entryAddress'; readonly entryAddr: number }
  | { readonly type: 'consoleFlags'; readonly consoleRequired: boolean; readonly egaTextSupported: boolean }
  | { readonly type: 'framebuffer'; readonly width: number; readonly height: number; readonly depth: number }
  | { readonly type: 'moduleAlignment' }
  | { readonly type: 'efiBootServices' }
  | { readonly type: 'entryAddressEfi32'; readonly entryAddr: number }
  | { readonly type: 'entryAddressEfi64'; readonly entryAddr: number }
  | ({ readonly type: 'relocatable' } & RelocationWindow)
  | { readonly type: 'unknown'; readonly typeNumber: number; readonly payload: Uint8Array };

export type HeaderTag = HeaderTagPlace & HeaderTagFields;

/** Type number of the tag that ends a header or boot information. */
export const END_TAG = 0;
/** Type number of the relocatable header tag. */
export const RELOCATABLE_HEADER_TAG = 10;
/** Every tag starts at a multiple of this. */
export const TAG_ALIGNMENT = 8;
/** Type, flags and size. */
export const TAG_HEADER_SIZE = 8;

const PREFERENCES: readonly LoadPreference[] = ['none', 'low', 'high'];

interface HeaderTagLayout {
  readonly minimumSize: number;
  /** `at` is the tag's first byte. */
  readonly parse: (reader: ByteReader, at: number, size: number) => HeaderTagFields;
}

const entryAddress = <T extends 'entryAddress' | 'entryAddressEfi32' | 'entryAddressEfi64'>(
  type: T,
): HeaderTagLayout => ({
  minimumSize: 12,
  parse: (reader, at) => ({ type, entryAddr: reader.u32(at + 8) }),
});

const LAYOUTS: Readonly<Record<number, HeaderTagLayout>> = {
  1: {
    minimumSize: 8,
    parse: (reader, at, size) => ({
      type: 'informationRequest',
      tagTypes: Array.from({ length: Math.floor((size - 8) / 4) }, (_, i) => reader.u32(at + 8 + i * 4)),
    }),
  },
  2: {
    minimumSize: 24,
    parse: (reader, at) => ({
      type: 'address',
      headerAddr: reader.u32(at + 8),
      loadAddr: reader.u32(at + 12),
      loadEndAddr: reader.u32(at + 16),
      bssEndAddr: reader.u32(at + 20),
    }),
  },
  3: entryAddress('entryAddress'),
  4: {
    minimumSize: 12,
    parse: (reader, at) => {
      const flags = reader.u32(at + 8);
      return {
        type: 'consoleFlags',
        consoleRequired: (flags & 1) !== 0,
        egaTextSupported: (flags & 2) !== 0,
      };
    },
  },
  5: {
    minimumSize: 20,
    parse: (reader, at) => ({
      type: 'framebuffer',
      width: reader.u32(at + 8),
      height: reader.u32(at + 12),
      depth: reader.u32(at + 16),
    }),
  },
  6: { minimumSize: 8, parse: () => ({ type: 'moduleAlignment' }) },
  7: { minimumSize: 8, parse: () => ({ type: 'efiBootServices' }) },
  8: entryAddress('entryAddressEfi32'),
  9: entryAddress('entryAddressEfi64'),
  [RELOCATABLE_HEADER_TAG]: {
    minimumSize: 24,
    parse: (reader, at) => ({
      type: 'relocatable',
      minAddr: reader.u32(at + 8),
      maxAddr: reader.u32(at + 12),
      align: reader.u32(at + 16),
      preference: PREFERENCES[reader.u32(at + 20)] ?? 'none',
    }),
  },
};

/** The bytes a tag of this type has at least, its own header included. */
export function minimumHeaderTagSize(typeNumber: number): number {
  return LAYOUTS[typeNumber]?.minimumSize ?? TAG_HEADER_SIZE;
}

/** The tag at `offset`, whose `size` has been found to lie within the header and to be large enough. */
export function headerTag(reader: ByteReader, offset: number, size: number): HeaderTag {
  const typeNumber = reader.u16(offset);
  const layout = LAYOUTS[typeNumber];
  const fields: HeaderTagFields = layout
    ? layout.parse(reader, offset, size)
    : { type: 'unknown', typeNumber, payload: reader.slice(offset + 8, size - 8) };
  return { ...fields, offset, size, required: (reader.u16(offset + 2) & 1) === 0 };
}

/** The number that stands for a preference in the relocatable header tag. */
export function preferenceNumber(preference: LoadPreference): number {
  return PREFERENCES.indexOf(preference);
}
