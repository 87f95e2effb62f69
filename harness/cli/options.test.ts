import { InvalidArgumentError } from 'commander';
import t from 'tap';
import {
  baseAddress,
  listOf,
  oneOf,
  positiveInteger,
  positiveSeconds,
  regularExpression,
} from './options.ts';

const refuses = (read: (text: string) => unknown, texts: readonly string[], message: RegExp) => {
  for (const text of texts) {
    t.throws(() => read(text), InvalidArgumentError, JSON.stringify(text));
    t.throws(() => read(text), { message }, JSON.stringify(text));
  }
};

t.test('one of several: the nearest is named', async (t) => {
  const firmware = oneOf(['bios', 'efi'] as const);
  t.equal(firmware('efi'), 'efi');
  refuses(firmware, ['uefi'], /^It is one of bios, efi; the nearest to "uefi" is efi\.$/);
  refuses(firmware, ['', 'BIOS', 'bios '], /one of bios, efi/);
});

t.test('lists: comma separated, collected over repeats, each part read', async (t) => {
  const bases = listOf(baseAddress);
  t.strictSame(bases('0x3e00000, 80000000', undefined), [0x3e00000, 0x80000000]);
  t.strictSame(bases('all', [0x200000]), [0x200000, 'all']);
  refuses((text) => bases(text, undefined), ['', '0x1,', ',', '0x1,,0x2'], /"" is no hexadecimal address/);
});

t.test('whole numbers of at least 1', async (t) => {
  t.equal(positiveInteger('20'), 20);
  refuses(
    positiveInteger,
    ['0', '-1', '1.5', '1e3', '', ' 1', '0x10', 'many', '9'.repeat(20)],
    /^A whole number of at least 1 is needed\.$/,
  );
});

t.test('seconds: what a timer can hold', async (t) => {
  t.equal(positiveSeconds('0.5'), 0.5);
  t.equal(positiveSeconds('2147483'), 2147483);
  refuses(
    positiveSeconds,
    ['0', '0.0', '-1', '1s', '', '.5', 'Infinity', '2147484', '9'.repeat(400)],
    /^A number of seconds above 0 and up to 2147483 is needed\.$/,
  );
});

t.test('a base below 4 GiB, in hexadecimal, or all', async (t) => {
  t.equal(baseAddress('all'), 'all');
  for (const text of ['0x3e00000', '3e00000', '0X3E00000', '0x0003e00000'])
    t.equal(baseAddress(text), 0x3e00000, text);
  t.equal(baseAddress('0xffffffff'), 0xffffffff);
  refuses(
    baseAddress,
    ['', '0x', 'ALL', '62M', '0x3e00000h', '-1', '0x3e00000 '],
    /is no hexadecimal address such as 0x3e00000, nor “all”\.$/,
  );
  refuses(
    baseAddress,
    ['0x100000000', '1fffffffff'],
    /^0x[0-9a-f]+ is above 4 GiB; 32-bit early boot code cannot/,
  );
});

t.test('a regular expression that awaits something', async (t) => {
  t.equal(regularExpression('^Welcome to .*$').source, '^Welcome to .*$');
  refuses(regularExpression, ['(', '[a', '*', 'a{2,1}'], /^It is no regular expression: Invalid regular/);
  refuses(regularExpression, ['', '.*', 'a*', '^', 'x|'], /^It matches even an empty line.*say more of the/);
});
