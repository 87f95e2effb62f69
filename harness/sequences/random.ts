/** Numbers that look random and are the same for the same seed. */

/** Where carries, signs and sizes change. */
const EDGES = [
  ...[
    0n,
    1n,
    2n,
    3n,
    9n,
    15n,
    16n,
    31n,
    32n,
    63n,
    64n,
    0x7fn,
    0x80n,
    0x99n,
    0xffn,
    0x7fffn,
    0x8000n,
    0xffffn,
  ],
  ...[0x1_0000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n],
  ...[0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ff80n],
];

export class Random {
  #state: number;

  /** @param seed 32 bits are used */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 bits, unsigned. Source: Tommy Ettinger's mulberry32, public domain. */
  word(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 … limit − 1 */
  below(limit: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * limit);
  }

  /** first … last */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  chance(probability: number): boolean {
    return this.word() < probability * 0x1_0000_0000;
  }

  /** @throws RangeError where there is nothing to pick */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('there is nothing to pick from');
    return from[this.below(from.length)]!;
  }

  /** 64 bits, unsigned; often one at which something changes. */
  value(): bigint {
    const any = (BigInt(this.word()) << 32n) | BigInt(this.word());
    if (this.chance(0.4)) return this.pick(EDGES);
    return this.chance(0.3) ? any >> BigInt(this.below(64)) : any;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.word() & 0xff);
  }
}
