/**
 * The hidden part's attributes: a descriptor's second doubleword without base and limit (SDM 3A §3.4.5).
 * All take that word.
 */
const [ACCESSED, TYPE_BIT_1, TYPE_BIT_2, CODE, NOT_SYSTEM, PRESENT, LONG, WIDE, PAGES] = [
  ...[8, 9, 10, 11, 12, 15, 21, 22, 23].map((bit) => 1 << bit),
] as [number, number, number, number, number, number, number, number, number];

export { ACCESSED as ACCESSED_BIT };

export const isPresent = (attributes: number): boolean => (attributes & PRESENT) !== 0;
/** A code or data segment. */
export const isNotSystem = (attributes: number): boolean => (attributes & NOT_SYSTEM) !== 0;
export const isCode = (attributes: number): boolean =>
  (attributes & (CODE | NOT_SYSTEM)) === (CODE | NOT_SYSTEM);
export const isConforming = (attributes: number): boolean =>
  isCode(attributes) && (attributes & TYPE_BIT_2) !== 0;
/** L: 64-bit code. */
export const isLong = (attributes: number): boolean => (attributes & LONG) !== 0;
/** D or B: 32-bit code, or a 32-bit stack. */
export const isWide = (attributes: number): boolean => (attributes & WIDE) !== 0;
/** G: the limit counts pages. */
export const isGranular = (attributes: number): boolean => (attributes & PAGES) !== 0;
export const isExpandDown = (attributes: number): boolean =>
  !isCode(attributes) && (attributes & TYPE_BIT_2) !== 0;
export const isReadable = (attributes: number): boolean =>
  isNotSystem(attributes) && (!isCode(attributes) || (attributes & TYPE_BIT_1) !== 0);
export const isWritable = (attributes: number): boolean =>
  isNotSystem(attributes) && !isCode(attributes) && (attributes & TYPE_BIT_1) !== 0;
/** 0 to 3. */
export const privilegeLevel = (attributes: number): number => (attributes >>> 13) & 3;
/** Bits 8 to 11: with {@link isNotSystem} false the kind of system descriptor (SDM 3A §3.5). */
export const descriptorType = (attributes: number): number => (attributes >>> 8) & 0xf;
