/** The bytes of one record: what its writer and its reader must agree on. docs/trace-format.md draws them. */

/** Tag of a step: how far RIP advanced, or 0 where a signed difference follows. */
export const ADVANCE_MASK = 0x0f;
export const GENERAL_CHANGED = 0x10;
export const FLAGS_CHANGED = 0x20;
export const OTHER_CHANGED = 0x40;
/** A prefix or a record that is no step; the low bits say which. */
export const SPECIAL = 0x80;

export const [SPECIAL_INPUT, SPECIAL_REPEAT, SPECIAL_EXCURSION] = [0x80, 0x81, 0x82];
export const [SPECIAL_MEMORY_READ, SPECIAL_MEMORY_WRITTEN, SPECIAL_DIGEST] = [0x83, 0x84, 0x85];

/** Entry of a general register's word: its index, how the value is written, whether another entry follows. */
export const WORD_MASK = 0x1f;
export const FORM_MASK = 0x60;
/** Zigzag varint, added to the word modulo 2^32. */
export const FORM_DELTA = 0x00;
/** Varint. */
export const FORM_VALUE = 0x20;
/** Four bytes, little-endian. */
export const FORM_WORD = 0x40;
/** Nothing follows: the word is 0. */
export const FORM_ZERO = 0x60;
export const MORE = 0x80;

/** Entry of any other word: its index and {@link MORE}; the value follows as in {@link FORM_WORD}. */
export const OTHER_MASK = 0x7f;
/** The first of them: RIP's high half. */
export const FIRST_OTHER = 33;
