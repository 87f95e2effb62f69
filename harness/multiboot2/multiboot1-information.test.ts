import t from 'tap';
import { parseMultiboot1Information } from './multiboot1-information.ts';
import { words } from './testdata/image-builder.ts';

/** The structure with its own offset in every field. */
function structure(flags: number): Uint8Array {
  return words(flags, ...Array.from({ length: 28 }, (_, index) => (index + 1) * 4));
}

t.test('fields are there where their flag is', (t) => {
  t.strictSame(parseMultiboot1Information(structure(0xffffffff)), {
    flags: 0xffffffff,
    memLowerKib: 4,
    memUpperKib: 8,
    commandLineAddress: 16,
    modulesCount: 20,
    modulesAddress: 24,
    mmap: { sizeBytes: 44, address: 48 },
    bootLoaderNameAddress: 64,
  });
  t.strictSame(parseMultiboot1Information(words(0)), { flags: 0 });
  t.strictSame(parseMultiboot1Information(structure(1 << 2)), { flags: 4, commandLineAddress: 16 });
  t.end();
});

t.test('a field cut off is an error', (t) => {
  const cut = { name: 'BootInformationError', message: /cut short/ };
  t.throws(() => parseMultiboot1Information(new Uint8Array(3)), cut);
  t.throws(() => parseMultiboot1Information(structure(1 << 9).subarray(0, 64)), cut);
  t.end();
});
