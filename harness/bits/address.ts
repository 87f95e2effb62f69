/** Addresses that must not be mixed up carry their space in the type. */

declare const space: unique symbol;

/** A physical address below 2^53; every load base lies below 4 GiB. */
export type PhysicalAddress = number & { readonly [space]: 'physical' };

/** A linear (after segmentation) or high virtual address; 64 bits, unsigned. */
export type LinearAddress = bigint & { readonly [space]: 'linear' };

/** @throws RangeError where `value` is no unsigned integer below 2^53. */
export function physicalAddress(value: number): PhysicalAddress {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no physical address`);
  return value as PhysicalAddress;
}

/** @throws RangeError where `value` does not fit in 64 unsigned bits. */
export function linearAddress(value: bigint): LinearAddress {
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} is no linear address`);
  return value as LinearAddress;
}
