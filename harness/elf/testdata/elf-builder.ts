/** Builds small ELF files, byte by byte, so that tests can break any one of them. */

export interface BuiltSegment {
  readonly type?: number;
  readonly vaddr?: bigint;
  readonly paddr: bigint;
  readonly bytes: Uint8Array;
  readonly memsz?: number;
  readonly flags?: number;
  readonly align?: number;
}

export interface ElfRecipe {
  readonly class?: 32 | 64;
  readonly machine?: number;
  readonly entry?: bigint;
  readonly segments: readonly BuiltSegment[];
  /** File offset of the first segment's bytes; the headers lie before it. */
  readonly firstOffset?: number;
}

/** An ELF file of headers, then each segment's bytes at 16-byte boundaries; no sections. */
export function buildElf(recipe: ElfRecipe): Uint8Array {
  const wide = recipe.class === 64;
  const headerSize = wide ? 64 : 52;
  const entrySize = wide ? 56 : 32;
  let offset = recipe.firstOffset ?? roundUp(headerSize + entrySize * recipe.segments.length);
  const placed = recipe.segments.map((segment) => {
    const at = offset;
    offset = roundUp(at + segment.bytes.length);
    return { ...segment, at };
  });
  const file = new Uint8Array(offset);
  const view = new DataView(file.buffer);
  writeHeader(view, recipe, wide);
  placed.forEach((segment, index) => {
    writeProgramHeader(view, headerSize + index * entrySize, segment, wide);
    file.set(segment.bytes, segment.at);
  });
  return file;
}

function writeHeader(view: DataView, recipe: ElfRecipe, wide: boolean): void {
  [0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1].forEach((byte, index) => view.setUint8(index, byte));
  view.setUint16(0x10, 2, true);
  view.setUint16(0x12, recipe.machine ?? (wide ? 62 : 3), true);
  view.setUint32(0x14, 1, true);
  const entry = recipe.entry ?? recipe.segments[0]?.vaddr ?? recipe.segments[0]?.paddr ?? 0n;
  if (wide) {
    view.setBigUint64(0x18, entry, true);
    view.setBigUint64(0x20, 64n, true);
    [64, 56, recipe.segments.length].forEach((value, index) => view.setUint16(0x34 + index * 2, value, true));
  } else {
    view.setUint32(0x18, Number(entry), true);
    view.setUint32(0x1c, 52, true);
    [52, 32, recipe.segments.length].forEach((value, index) => view.setUint16(0x28 + index * 2, value, true));
  }
}

function writeProgramHeader(
  view: DataView,
  at: number,
  segment: BuiltSegment & { readonly at: number },
  wide: boolean,
): void {
  const vaddr = segment.vaddr ?? segment.paddr;
  const memsz = segment.memsz ?? segment.bytes.length;
  const [flags, align] = [segment.flags ?? 7, segment.align ?? 16];
  view.setUint32(at, segment.type ?? 1, true);
  if (wide) {
    view.setUint32(at + 4, flags, true);
    [
      BigInt(segment.at),
      vaddr,
      segment.paddr,
      BigInt(segment.bytes.length),
      BigInt(memsz),
      BigInt(align),
    ].forEach((value, index) => view.setBigUint64(at + 8 + index * 8, value, true));
  } else {
    [segment.at, Number(vaddr), Number(segment.paddr), segment.bytes.length, memsz, flags, align].forEach(
      (value, index) => view.setUint32(at + 4 + index * 4, value, true),
    );
  }
}

function roundUp(value: number): number {
  return Math.ceil(value / 16) * 16;
}
