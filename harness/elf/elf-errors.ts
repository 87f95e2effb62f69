/** The ways a file can fail to be an ELF image that this house reads. */

const KNOWN_BEGINNINGS: readonly (readonly [what: string, bytes: readonly number[], hint: string])[] = [
  ['gzip data', [0x1f, 0x8b], 'unpack it first (gunzip)'],
  ['xz data', [0xfd, 0x37, 0x7a, 0x58, 0x5a], 'unpack it first (xz -d)'],
  ['bzip2 data', [0x42, 0x5a, 0x68], 'unpack it first (bunzip2)'],
  ['Zstandard data', [0x28, 0xb5, 0x2f, 0xfd], 'unpack it first (zstd -d)'],
  ['LZ4 data', [0x04, 0x22, 0x4d, 0x18], 'unpack it first (lz4 -d)'],
  ['a PE image (MZ)', [0x4d, 0x5a], 'give the ELF build of it (for Xen: xen, not xen.efi)'],
  ['an ar archive', [0x21, 0x3c, 0x61, 0x72, 0x63, 0x68, 0x3e], 'give a linked image'],
];

/** What the first bytes of a file look like, in words, and what to do about it. */
export function describeFirstBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'the file is empty; give a linked ELF image';
  const known = KNOWN_BEGINNINGS.find(([, magic]) => magic.every((byte, index) => bytes[index] === byte));
  if (known) return `it looks like ${known[0]}; ${known[2]}`;
  const head = bytes.subarray(0, 64);
  if (head.every(isTextByte)) return 'it looks like text; give a linked ELF image';
  const shown = [...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `it begins with ${shown}; give a linked ELF image`;
}

function isTextByte(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** The bytes do not begin with the ELF magic. */
export class NotElfError extends Error {
  override readonly name = 'NotElfError';
  constructor(bytes: Uint8Array) {
    super(`not an ELF image: ${describeFirstBytes(bytes)}`);
  }
}

/** A table or the bytes of a segment reach beyond the end of the file. */
export class ElfTruncatedError extends Error {
  override readonly name = 'ElfTruncatedError';
  constructor(
    /** What is cut, e.g. `program header table`. */
    readonly table: string,
    readonly offset: number | bigint,
    readonly sizeBytes: number | bigint,
    readonly fileSizeBytes: number,
  ) {
    super(
      `ELF ${table} is cut short: it is ${sizeBytes} bytes at offset 0x${offset.toString(16)}, ` +
        `the file has 0x${fileSizeBytes.toString(16)} bytes; copy or build it again`,
    );
  }
}

/** A well-formed ELF file of a kind that cannot be a subject here, or one whose headers contradict themselves. */
export class ElfUnsupportedError extends Error {
  override readonly name = 'ElfUnsupportedError';
  constructor(what: string) {
    super(`unsupported ELF image: ${what}`);
  }
}
