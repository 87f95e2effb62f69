/**
 * The reply to `g` as 32-bit words, for whoever reads it for each instruction: registers.ts says the same in bigints and
 * takes some ten times as long.
 */
import { RspProtocolError } from './errors.ts';
import { X86_REGISTER_NAMES, type X86RegisterName } from './registers.ts';
import type { RegisterSlot } from './target-description.ts';

const NOT_A_DIGIT = 0xff;
const DIGIT_VALUES = new Uint8Array(256).fill(NOT_A_DIGIT);
for (let digit = 0; digit < 16; digit++) {
  DIGIT_VALUES[digit.toString(16).charCodeAt(0)] = digit;
  DIGIT_VALUES[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** Index of a register's low word in what {@link RegisterWords.read} gives; the high one follows. */
export const REGISTER_WORD = Object.fromEntries(
  X86_REGISTER_NAMES.map((name, index) => [name, 2 * index]),
) as Readonly<Record<X86RegisterName, number>>;

export class RegisterWords {
  /** Where each register's digits begin, and how many bytes it has. */
  readonly #places: readonly { readonly name: string; readonly start: number; readonly sizeBytes: number }[];
  readonly #neededChars: number;

  /** @throws RspProtocolError where the target is no x86-64 */
  constructor(slots: readonly RegisterSlot[]) {
    const byName = new Map(slots.map((slot) => [slot.name, slot]));
    this.#places = X86_REGISTER_NAMES.map((name) => {
      const slot = byName.get(name);
      if (slot === undefined || slot.sizeBytes > 8)
        throw new RspProtocolError(`the stub has no register ${name} of 64 bits; is it x86-64?`);
      return { name, start: 2 * slot.offsetBytes, sizeBytes: slot.sizeBytes };
    });
    this.#neededChars = Math.max(...this.#places.map(({ start, sizeBytes }) => start + 2 * sizeBytes));
  }

  /** All of X86_REGISTER_NAMES, low word first. @throws RspProtocolError where the reply is too short or no hexadecimal */
  read(reply: string): Int32Array {
    if (reply.length < this.#neededChars)
      throw new RspProtocolError(`the reply to g has ${reply.length} characters, not ${this.#neededChars}`);
    const words = new Int32Array(2 * this.#places.length);
    for (const [index, { name, start, sizeBytes }] of this.#places.entries()) {
      for (let byte = 0; byte < sizeBytes; byte++) {
        const high = DIGIT_VALUES[reply.charCodeAt(start + 2 * byte) & 0xff]!;
        const low = DIGIT_VALUES[reply.charCodeAt(start + 2 * byte + 1) & 0xff]!;
        if ((high | low) === NOT_A_DIGIT)
          throw new RspProtocolError(`register ${name} is no bytes`, reply.slice(start, start + 16));
        words[2 * index + (byte >> 2)]! |= ((high << 4) | low) << (8 * (byte & 3));
      }
    }
    return words;
  }
}
