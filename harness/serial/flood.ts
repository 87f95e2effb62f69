/** When a guest's console is a flood: by its rate, by saying the same for ever. Pure but for the clock it is given. */
import { CUT_MARK } from './cleaner.ts';

export interface FloodLimits {
  /** More than this within a second, again and again. Default 1 MiB. */
  readonly maxBytesPerSecond?: number;
  /** More than this of one line, one after the other. Default 2000. */
  readonly maxRepeats?: number;
}

/** How a real console never is: Xen's whole boot is 10 KiB, and QEMU's UART gives some 100 KiB/s. */
const BYTES_PER_SECOND = 1024 * 1024;
const REPEATS = 2000;
const WINDOW_MS = 1000;

export class FloodGauge {
  readonly #maxBytes: number;
  readonly #maxRepeats: number;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #windowBytes = 0;
  #line: string | undefined;
  #repeats = 0;

  constructor({ maxBytesPerSecond = BYTES_PER_SECOND, maxRepeats = REPEATS }: FloodLimits = {}) {
    this.#maxBytes = maxBytesPerSecond;
    this.#maxRepeats = maxRepeats;
  }

  /** @returns why these bytes make it a flood, in words. */
  bytes(count: number, nowMs: number): string | undefined {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) [this.#windowStartMs, this.#windowBytes] = [nowMs, 0];
    this.#windowBytes += count;
    return this.#windowBytes > this.#maxBytes
      ? `more than ${this.#maxBytes} bytes within a second`
      : undefined;
  }

  /** @returns why this line makes it a flood, in words. */
  line(text: string): string | undefined {
    if (text.endsWith(CUT_MARK) && isOneCharacter(text.slice(0, -CUT_MARK.length)))
      return `one character, ${JSON.stringify(text[0])}, without end`;
    this.#repeats = text === this.#line ? this.#repeats + 1 : 1;
    this.#line = text;
    return this.#repeats > this.#maxRepeats ? `the same line ${this.#repeats} times` : undefined;
  }
}

function isOneCharacter(text: string): boolean {
  return text.length > 0 && text === text[0]!.repeat(text.length);
}
