/** Names for linear addresses of a stopped Xen: at its load base, at its high addresses. */
import { hex } from '../bits/hex.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';

/** The trampoline's copy below 1 MiB: where it was put. */
export interface TrampolineCopy {
  readonly start: number;
  readonly sizeBytes: number;
}

/** Where the symbol that holds a linear address begins; the same rules as {@link symboliser}. */
export function symbolStart(
  facts: SubjectFacts,
  loadBase: number | undefined,
): (linear: bigint) => bigint | undefined {
  const { symbols, image } = facts;
  const { linkBase, loadSize } = image.loaded;
  return (linear) => {
    if (!symbols) return undefined;
    const isLow =
      loadBase !== undefined && linear >= BigInt(loadBase) && linear < BigInt(loadBase + loadSize);
    const high = isLow ? linear - BigInt(loadBase - linkBase) + symbols.virtualStart : linear;
    const near = symbols.nearest(high);
    return near && near.offset < 0x10000n ? linear - near.offset : undefined;
  };
}

/**
 * Without symbols an address has a name within the image only: `the kernel+0x1055`, from its first byte.
 * @param loadBase undefined: the image is not loaded, so low addresses are somebody else's.
 */
export function symboliser(
  facts: SubjectFacts,
  loadBase: number | undefined,
  trampoline?: TrampolineCopy,
): (linear: bigint) => string | undefined {
  const { symbols, image } = facts;
  const { linkBase, loadSize } = image.loaded;
  const start = BigInt(loadBase ?? 0);
  const isInImage = (linear: bigint) =>
    loadBase !== undefined && linear >= start && linear < start + BigInt(loadSize);
  if (!symbols)
    return (linear) => (isInImage(linear) ? `${facts.called}+${hex(linear - start, 1)}` : undefined);
  const nameOf = (high: bigint) => {
    const near = symbols.nearest(high);
    if (!near || near.offset > BigInt(loadSize)) return undefined;
    return near.offset === 0n ? near.name : `${near.name}+${hex(near.offset, 1)}`;
  };
  return (linear) => {
    const copied = trampoline && linear - BigInt(trampoline.start);
    if (copied !== undefined && copied >= 0n && copied < BigInt(trampoline?.sizeBytes ?? 0))
      return `${nameOf(symbols.linear('trampoline_start') + copied)} in the trampoline’s copy`;
    const high = isInImage(linear) ? linear - start + BigInt(linkBase) + symbols.virtualStart : linear;
    if (high < symbols.virtualStart) return undefined;
    return nameOf(high);
  };
}
