/** Where time goes: each moment belongs to exactly one named part. */

export class Laps {
  readonly #now: () => number;
  readonly #parts = new Map<string, number>();
  #since: number;
  #part: string;

  /** @param part what is under way from now on. */
  constructor(part: string, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
    this.#part = part;
  }

  /** From now on it is that part's time. A part may come again: its times are added up. */
  enter(part: string): void {
    const now = this.#now();
    this.#parts.set(this.#part, (this.#parts.get(this.#part) ?? 0) + now - this.#since);
    this.#since = now;
    this.#part = part;
  }

  /** Milliseconds by part, in the order in which each was first left; the one under way is left. */
  totals(): Readonly<Record<string, number>> {
    this.enter(this.#part);
    return Object.fromEntries(this.#parts);
  }
}
