/** Accesses that begin in one page and end in the next. */
import { storeElement } from './elements.ts';
import { requireKnown } from './known-bytes.ts';
import type { Access } from './paging.ts';
import { isPlain, type PhysicalPage, written } from './physical-memory.ts';
import { pieces } from './pieces.ts';
import type { Tell } from './watcher.ts';

interface Paged {
  /** @throws GuestFault */
  pageFor(low: number, high: number, access: Access): PhysicalPage;
  /** @throws ModelStop */
  tell: Tell;
}

/** @returns the bytes, then zeros. @throws GuestFault, ModelStop where one of them is unknown */
export function readAcross(memory: Paged, low: number, high: number, sizeBytes: number): DataView {
  const bytes = new DataView(new ArrayBuffer(8));
  let at = 0;
  for (const piece of pieces(low, high, sizeBytes)) {
    const offset = piece.low & 0xfff;
    const page = memory.pageFor(piece.low, piece.high, 'read');
    if (page.watch !== 0) memory.tell('read', page, offset, piece.sizeBytes, piece.low, piece.high);
    requireKnown(page, offset, piece.sizeBytes);
    for (let i = 0; i < piece.sizeBytes; i++) bytes.setUint8(at++, page.bytes[offset + i]!);
  }
  return bytes;
}

/** Both pages are asked before either is written. @throws GuestFault */
export function writeAcross(
  memory: Paged,
  low: number,
  high: number,
  sizeBytes: number,
  value: number,
  valueHigh: number,
): void {
  const bytes = new DataView(new ArrayBuffer(8));
  storeElement(bytes, 0, 8, value, valueHigh);
  const parts = pieces(low, high, sizeBytes).map((piece) => ({
    ...piece,
    page: memory.pageFor(piece.low, piece.high, 'write'),
  }));
  for (const { page, low: partLow, high: partHigh, sizeBytes: partBytes } of parts)
    if (page.watch !== 0) memory.tell('write', page, partLow & 0xfff, partBytes, partLow, partHigh);
  let at = 0;
  for (const { page, low: partLow, sizeBytes: partBytes } of parts) {
    const offset = partLow & 0xfff;
    page.isTouched = true;
    for (let i = 0; i < partBytes; i++) page.bytes[offset + i] = bytes.getUint8(at++);
    if (!isPlain(page)) written(page, offset, partBytes);
  }
}
