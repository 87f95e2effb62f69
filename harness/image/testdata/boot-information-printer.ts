/**
 * The smallest kernel that can tell what it was handed: it writes the boot information that EBX points to, its size
 * first, to port 0xe9 and resets the machine.
 */
const LOAD_ADDRESS = 0x40_0000;
const CODE = Buffer.from(
  [
    '89de', // mov esi, ebx
    '8b0b', // mov ecx, [ebx]      total size, the first field
    '66bae900', // mov dx, 0xe9
    'fc f36e', // cld; rep outsb
    'b0fe e664', // mov al, 0xfe; out 0x64, al    the keyboard controller's reset
    'f4 ebfd', // hlt; jmp back
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

/**
 * A flat image with a header of each protocol: Multiboot2 specification 1.6, §3.1.5 (addresses) and §3.1.6 (entry);
 * Multiboot specification 0.6.96, §3.1.
 */
export function bootInformationPrinter(): Buffer {
  const multiboot2Size = 64;
  const entry = LOAD_ADDRESS + multiboot2Size + 32;
  const end = entry + CODE.length;
  const words = [0xe852_50d6, 0, multiboot2Size, -(0xe852_50d6 + multiboot2Size) >>> 0];
  const addressTag = [2, 24, LOAD_ADDRESS, LOAD_ADDRESS, end, end];
  const entryTag = [3, 12, entry, 0];
  const endTag = [0, 8];
  const multiboot1 = [0x1bad_b002, 0x1_0000, -(0x1bad_b002 + 0x1_0000) >>> 0];
  const multiboot1Addresses = [LOAD_ADDRESS + multiboot2Size, LOAD_ADDRESS, end, end, entry];
  const headers = Buffer.alloc(entry - LOAD_ADDRESS);
  [...words, ...addressTag, ...entryTag, ...endTag, ...multiboot1, ...multiboot1Addresses].forEach(
    (word, i) => headers.writeUInt32LE(word, 4 * i),
  );
  return Buffer.concat([headers, CODE]);
}

export interface PrintedTag {
  readonly type: number;
  readonly content: Buffer;
}

/** The tags of Multiboot2 boot information: §3.6.1 of the specification. */
export function printedTags(information: Buffer): PrintedTag[] {
  const tags: PrintedTag[] = [];
  let at = 8;
  while (at + 8 <= information.length) {
    const [type, size] = [information.readUInt32LE(at), information.readUInt32LE(at + 4)];
    tags.push({ type, content: information.subarray(at + 8, at + size) });
    at += Math.ceil(size / 8) * 8;
  }
  return tags;
}
