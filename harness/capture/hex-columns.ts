/** Hexadecimal digits at known places of a buffer. */

const DIGITS = digitValues();

/** Lower-case hexadecimal only, as QEMU prints it; everything else is negative. */
function digitValues(): Int32Array {
  const values = new Int32Array(256).fill(-1);
  for (const [value, digit] of [...'0123456789abcdef'].entries()) values[digit.charCodeAt(0)] = value;
  return values;
}

/** Collects what is wrong in the columns read since it was last asked, so that each digit costs no branch. */
export class HexColumns {
  #faults = 0;

  /** Eight digits as a signed 32-bit word. */
  word(bytes: Uint8Array, at: number): number {
    const a = DIGITS[bytes[at]!]!;
    const b = DIGITS[bytes[at + 1]!]!;
    const c = DIGITS[bytes[at + 2]!]!;
    const d = DIGITS[bytes[at + 3]!]!;
    const e = DIGITS[bytes[at + 4]!]!;
    const f = DIGITS[bytes[at + 5]!]!;
    const g = DIGITS[bytes[at + 6]!]!;
    const h = DIGITS[bytes[at + 7]!]!;
    // A value that is no digit is −1, and so the disjunction is negative.
    this.#faults |= a | b | c | d | e | f | g | h;
    return (a << 28) | (b << 24) | (c << 20) | (d << 16) | (e << 12) | (f << 8) | (g << 4) | h;
  }

  /** Four digits. */
  half(bytes: Uint8Array, at: number): number {
    const a = DIGITS[bytes[at]!]!;
    const b = DIGITS[bytes[at + 1]!]!;
    const c = DIGITS[bytes[at + 2]!]!;
    const d = DIGITS[bytes[at + 3]!]!;
    this.#faults |= a | b | c | d;
    return (a << 12) | (b << 8) | (c << 4) | d;
  }

  /** One digit. */
  digit(bytes: Uint8Array, at: number): number {
    const value = DIGITS[bytes[at]!]!;
    this.#faults |= value;
    return value;
  }

  /** Whether a column read since the last call was no number. */
  takeFault(): boolean {
    const isFaulty = this.#faults < 0;
    this.#faults = 0;
    return isFaulty;
  }
}
