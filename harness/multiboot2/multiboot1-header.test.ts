import t from 'tap';
import { findMultiboot1Header } from './multiboot1-header.ts';
import { words } from './testdata/image-builder.ts';

function file(offset: number, checksumError = 0): Uint8Array {
  const bytes = new Uint8Array(10_000);
  bytes.set(words(0x1badb002, 3, -(0x1badb002 + 3) + checksumError), offset);
  return bytes;
}

t.test('a header counts by checksum, alignment and place', (t) => {
  t.strictSame(findMultiboot1Header(file(0x88)), { offset: 0x88, flags: 3 });
  t.strictSame(findMultiboot1Header(file(8192 - 12)), { offset: 8192 - 12, flags: 3 });
  t.equal(findMultiboot1Header(file(8192 - 8)), undefined, 'must end within 8192 bytes');
  t.equal(findMultiboot1Header(file(0x86)), undefined, 'must be 4-byte aligned');
  t.equal(findMultiboot1Header(file(0x88, 1)), undefined, 'must have a right checksum');
  t.equal(findMultiboot1Header(new Uint8Array()), undefined);
  t.equal(findMultiboot1Header(file(0x88).subarray(0, 0x8c)), undefined);
  t.end();
});
