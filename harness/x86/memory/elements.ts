/** Runs of elements of 1, 2, 4 or 8 bytes in bytes that somebody else has found. */

export function storeElement(
  view: DataView,
  offset: number,
  sizeBytes: number,
  low: number,
  high: number,
): void {
  if (sizeBytes === 1) view.setInt8(offset, low);
  else if (sizeBytes === 2) view.setInt16(offset, low, true);
  else view.setInt32(offset, low, true);
  if (sizeBytes === 8) view.setInt32(offset + 4, high, true);
}

/** @param lengthBytes of all elements together, at least one */
export function fillElements(
  { bytes, view }: { readonly bytes: Uint8Array; readonly view: DataView },
  offset: number,
  sizeBytes: number,
  lengthBytes: number,
  low: number,
  high: number,
): void {
  if (isUniform(sizeBytes, low, high)) {
    bytes.fill(low & 0xff, offset, offset + lengthBytes);
    return;
  }
  storeElement(view, offset, sizeBytes, low, high);
  for (let done = sizeBytes; done < lengthBytes; done *= 2)
    bytes.copyWithin(offset + done, offset, offset + Math.min(done, lengthBytes - done));
}

/** Whether all bytes of the value are the same. */
function isUniform(sizeBytes: number, low: number, high: number): boolean {
  const byte = low & 0xff;
  if (sizeBytes === 1) return true;
  if (sizeBytes === 2) return (low & 0xffff) === byte * 0x101;
  return low === ((byte * 0x101_0101) | 0) && (sizeBytes === 4 || high === low);
}

/**
 * One after the other from the lowest: where the target lies a little above the source, what was written is read again.
 */
export function copyElements(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  sizeBytes: number,
  count: number,
): void {
  const length = sizeBytes * count;
  const distance = to - from;
  if (source !== target) target.set(source.subarray(from, from + length), to);
  else if (distance <= 0 || distance >= length) target.copyWithin(to, from, from + length);
  else {
    // Pieces that do not reach into themselves; an element that does is read whole before it is written, as memmove does.
    const piece = Math.max(sizeBytes, distance - (distance % sizeBytes));
    for (let done = 0; done < length; done += piece)
      target.copyWithin(to + done, from + done, from + Math.min(done + piece, length));
  }
}
