/** The states that a machine went through, one behind the other in one array. */
import { STATE_WORDS } from '../x86/state/state-layout.ts';

const FIRST_CAPACITY = 1024;

export class SegmentStates {
  #words = new Int32Array(FIRST_CAPACITY * STATE_WORDS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param words copied */
  add(words: Int32Array): void {
    const start = this.#count * STATE_WORDS;
    if (start === this.#words.length) {
      const larger = new Int32Array(2 * start);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words.set(words.length === STATE_WORDS ? words : words.subarray(0, STATE_WORDS), start);
    this.#count++;
  }

  /** A view that is valid until the next {@link add}. @throws RangeError */
  at(index: number): Int32Array {
    if (index < 0 || index >= this.#count)
      throw new RangeError(`there is no state ${index} of ${this.#count}`);
    return this.#words.subarray(index * STATE_WORDS, (index + 1) * STATE_WORDS);
  }

  clear(): void {
    this.#count = 0;
  }
}
