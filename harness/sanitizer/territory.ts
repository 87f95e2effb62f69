/** Whose memory is whose, for one image at one load base. */

/** Physical addresses. */
export interface MemoryRange {
  readonly start: number;
  /** First address past it. */
  readonly end: number;
}

export interface Territory {
  /** Where the image was linked. Where the loaded image covers it, it is the image's own. */
  readonly linkTime: MemoryRange;
  readonly loaded: MemoryRange;
  /** Linear addresses that the image's own page tables map; undefined: it has none of its own. */
  readonly highHalf?: { readonly start: bigint; readonly end: bigint };
  /**
   * Asked at writes and jumps to memory beside the image: what may be used there, e.g. a stack, a trampoline's window.
   * @returns a range with the address in it
   */
  owned(physical: number): MemoryRange | undefined;
}

export function contains({ start, end }: MemoryRange, physical: number, sizeBytes: number): boolean {
  return physical >= start && physical + sizeBytes <= end;
}

export function overlaps({ start, end }: MemoryRange, physical: number, sizeBytes: number): boolean {
  return physical < end && physical + sizeBytes > start;
}

/** Whether any of the bytes are of the link-time range and not of the image as it is loaded. */
export function isLinkTime({ linkTime, loaded }: Territory, physical: number, sizeBytes: number): boolean {
  if (!overlaps(linkTime, physical, sizeBytes)) return false;
  const [start, end] = [Math.max(physical, linkTime.start), Math.min(physical + sizeBytes, linkTime.end)];
  return !contains(loaded, start, end - start);
}
