/** Random numbers that are the same in every run (xorshift32, Marsaglia 2003). */
export class Random {
  #state: number;

  /** @param seed not 0 */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  word(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.#state = x);
  }

  below(limit: number): number {
    return (this.word() >>> 0) % limit;
  }

  /** Unsigned, with many of those at a border: 0, 1, all ones, the sign bit alone. */
  bits(count: number): bigint {
    const top = 1n << BigInt(count - 1);
    const borders = [0n, 1n, top, top - 1n, 2n * top - 1n];
    const any = (BigInt(this.word() >>> 0) << 32n) | BigInt(this.word() >>> 0);
    return this.below(4) === 0 ? borders[this.below(borders.length)]! : BigInt.asUintN(count, any);
  }
}
