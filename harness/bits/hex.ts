/** Hexadecimal text for addresses and bytes: the one place that decides how they look. */

const BASE_PATTERN = /^(0x)?[0-9a-f]{1,16}$/i;

/** `value` as `0x` and at least `digits` lower-case hexadecimal digits; addresses below 4 GiB use 8. */
export function hex(value: number | bigint, digits = 8): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/**
 * An unsigned number written in hexadecimal, with or without `0x`.
 * @returns undefined where `text` is not one, or is beyond 2^53 - 1.
 */
export function parseHex(text: string): number | undefined {
  if (!BASE_PATTERN.test(text)) return undefined;
  const value = Number.parseInt(text, 16);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The bytes as lower-case hexadecimal, two digits each, no separators. */
export function encodeHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The inverse of {@link encodeHex}. @param text pairs of hexadecimal digits */
export function decodeHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
