/** Builds Multiboot2 headers, bootable images and boot information, byte by byte, so that tests can break any of them. */
import { buildElf } from '../../elf/testdata/elf-builder.ts';

export interface BuiltTag {
  readonly type: number;
  readonly optional?: boolean;
  /** What follows the tag's own header: 32-bit numbers, or bytes as they are. */
  readonly payload?: readonly number[] | Uint8Array;
  /** In place of the right one. */
  readonly size?: number;
}

export interface HeaderRecipe {
  readonly architecture?: number;
  /** In place of the right one. */
  readonly length?: number;
  /** Added to the right checksum. */
  readonly checksumError?: number;
  /** Left out: with an end tag. */
  readonly endTag?: boolean;
}

export const MIN = 0x200000;
/** A relocatable header tag like Xen 4.17's: 0x200000 … 0xffffffff, align 0x200000, high. */
export const RELOCATABLE: BuiltTag = { type: 10, optional: true, payload: [MIN, 0xffffffff, 0x200000, 2] };

export function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** `parts` one after the other, each padded with zeros to a multiple of 8 bytes. */
export function padded(...parts: readonly Uint8Array[]): Uint8Array {
  return joined(parts.map((part) => joined([part, new Uint8Array((8 - (part.length % 8)) % 8)])));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function payloadBytes(payload: BuiltTag['payload'] = []): Uint8Array {
  return payload instanceof Uint8Array ? payload : words(...payload);
}

/** A Multiboot2 header with these tags and an end tag. */
export function header(tags: readonly BuiltTag[], recipe: HeaderRecipe = {}): Uint8Array {
  const all = recipe.endTag === false ? tags : [...tags, { type: 0 }];
  const body = padded(
    ...all.map(({ type, optional, payload, size }) => {
      const bytes = payloadBytes(payload);
      return joined([words(type | (optional ? 0x10000 : 0), size ?? 8 + bytes.length), bytes]);
    }),
  );
  const [architecture, length] = [recipe.architecture ?? 0, recipe.length ?? 16 + body.length];
  const checksum = -(0xe85250d6 + architecture + length) + (recipe.checksumError ?? 0);
  return joined([words(0xe85250d6, architecture, length, checksum), body]);
}

/** An ELF32 image of 0x2000 bytes in memory at 0x200000 whose segment, at file offset 0x80, begins with `start`. */
export function image(start: Uint8Array): Uint8Array {
  return buildElf({ segments: [{ paddr: BigInt(MIN), bytes: start, memsz: 0x2000 }], firstOffset: 0x80 });
}

/** Boot information with these tags and an end tag; `totalSize` in place of the right one. */
export function information(tags: readonly BuiltTag[], totalSize?: number): Uint8Array {
  const body = padded(
    ...[...tags, { type: 0 }].map(({ type, payload, size }: BuiltTag) => {
      const bytes = payloadBytes(payload);
      return joined([words(type, size ?? 8 + bytes.length), bytes]);
    }),
  );
  return joined([words(totalSize ?? 8 + body.length, 0), body]);
}
