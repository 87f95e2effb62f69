/** Values of 64 bits as two words, where two words are not worth the trouble: BigInt. */
import type { Cpu } from './cpu.ts';

/** Unsigned. */
export function joined(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** @returns the low word; the high one is in `cpu.high`. */
export function split(cpu: Cpu, value: bigint): number {
  cpu.high = Number(BigInt.asIntN(32, value >> 32n));
  return Number(BigInt.asIntN(32, value));
}
