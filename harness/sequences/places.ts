/** What generated code knows of the specimen: specimens/sequences/places.h, and its selectors. */

/** Offsets in the specimen's block of places. */
export const PLACES = { resume: 0, stack: 8, scratch: 16, region: 24, exit: 32 } as const;

/** Bytes of a region; of the 16-bit one less, for the specimen's own code stands behind it. */
export const REGION_BYTES = { 16: 0xe000, 32: 0x1_0000, 64: 0x1_0000 } as const;
export const SCRATCH_BYTES = 0x1_0000;
export const SCRATCH_MIDDLE = 0x8000;

export const LOW_SCRATCH_SEGMENT = 0x2000;
/** Offset of the block of places in the 16-bit code segment. */
export const LOW_PLACES = 0xe000;
export const LOW_STACK_TOP = 0x8000;

/**
 * Flat, and flat but for a base of some bytes. In 64-bit mode that base would count for nothing, but QEMU 7.2 adds it where a
 * prefix names the segment (known-divergences.ts); there a null selector may be loaded instead.
 */
export const DATA_SELECTORS = { 32: [0x10, 0x20], 64: [0x10, 0] } as const;
export const NOT_PRESENT_SELECTOR = 0x40;
