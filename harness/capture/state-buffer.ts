/** States as they are read from the log: told twice is told once, and the iterations of one instruction are one step. */
import { BASE, CS, RIP, segmentWord, STATE_WORDS } from '../x86/state/state-layout.ts';

const RCX = 2;
const CS_BASE = segmentWord(CS) + BASE;

export interface States {
  readonly count: number;
  /** {@link STATE_WORDS} each, in the order of execution. */
  readonly words: Int32Array;
  /**
   * For each state how often the repeated string instruction before it iterated; 0 where there was none before it, or
   * it did not iterate.
   */
  readonly iterations: Uint32Array;
}

export class StateBuffer {
  /** Low halves of the linear addresses of repeated string instructions. */
  readonly #repeats: ReadonlySet<number>;
  #words = new Int32Array(1024 * STATE_WORDS);
  #iterations = new Uint32Array(1024);
  #count = 0;
  /** Where the last state stands, when there was one: it may have been taken. */
  readonly #last = new Int32Array(STATE_WORDS);
  #lastIs: 'none' | 'plain' | 'repeat' = 'none';
  /** RCX's low half before the repeated instruction. */
  #counter = 0;

  /** @param repeats linear addresses of repeated string instructions */
  constructor(repeats: Iterable<bigint>) {
    this.#repeats = new Set([...repeats].map((linear) => Number(BigInt.asIntN(32, linear))));
  }

  get count(): number {
    return this.#count;
  }

  /** The state before the next instruction. */
  add(words: Int32Array): void {
    if (this.#lastIs !== 'none' && words[RIP] === this.#last[RIP] && this.#isAgain(words)) return;
    const iterations = this.#lastIs === 'repeat' ? (this.#counter - words[RCX]!) >>> 0 : 0;
    this.#append(words, iterations);
    const isRepeat = this.#repeats.has((words[RIP]! + words[CS_BASE]!) | 0);
    this.#lastIs = isRepeat ? 'repeat' : 'plain';
    this.#counter = words[RCX]!;
  }

  /** The state after a repeated string instruction that was passed. */
  addRepeated(words: Int32Array, iterations: number): void {
    this.#append(words, iterations);
    this.#lastIs = 'plain';
  }

  /** The first state after an excursion: no step leads to it, and it is told again by the log. */
  restart(words: Int32Array): void {
    this.#lastIs = 'none';
    this.add(words);
  }

  /** All states since the last call. */
  take(): States {
    const [count, words, iterations] = [this.#count, this.#words, this.#iterations];
    this.#words = new Int32Array(1024 * STATE_WORDS);
    this.#iterations = new Uint32Array(1024);
    this.#count = 0;
    return {
      count,
      words: words.subarray(0, count * STATE_WORDS),
      iterations: iterations.subarray(0, count),
    };
  }

  /** The same instruction: told again, or in its next iteration. */
  #isAgain(words: Int32Array): boolean {
    if (words[RIP + 1] !== this.#last[RIP + 1] || words[CS_BASE] !== this.#last[CS_BASE]) return false;
    if (this.#lastIs === 'repeat') return true;
    for (let word = 0; word < STATE_WORDS; word++) if (words[word] !== this.#last[word]) return false;
    return true;
  }

  #append(words: Int32Array, iterations: number): void {
    if (this.#count === this.#iterations.length) this.#grow();
    this.#words.set(words, this.#count * STATE_WORDS);
    this.#iterations[this.#count++] = iterations;
    this.#last.set(words);
  }

  #grow(): void {
    const [words, iterations] = [new Int32Array(2 * this.#words.length), new Uint32Array(2 * this.#count)];
    words.set(this.#words);
    iterations.set(this.#iterations);
    [this.#words, this.#iterations] = [words, iterations];
  }
}

/** One behind the other. */
export function joinedStates(parts: readonly States[]): States {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const [words, iterations] = [new Int32Array(count * STATE_WORDS), new Uint32Array(count)];
  let at = 0;
  for (const part of parts) {
    words.set(part.words, at * STATE_WORDS);
    iterations.set(part.iterations, at);
    at += part.count;
  }
  return { count, words, iterations };
}
