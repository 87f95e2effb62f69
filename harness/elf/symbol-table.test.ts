import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseElf } from './elf-image.ts';
import { readSymbols, SymbolTable, type ElfSymbol } from './symbol-table.ts';
import { assemble, run } from './testdata/assemble.ts';

const SOURCE = `
  .file "early.s"
  .globl _start, alias, constant
  .set constant, 0x1234
  .text
_start:
alias: nop
local_label: nop
  .local helper
  .type helper, @function
helper:
helper_label: ret
  .size helper, 1
  .skip 0x20
  .data
  .skip 8
  .type counter, @object
counter: .long 1
  .size counter, 4
`;

function place(name: string, address: bigint, more: Partial<ElfSymbol> = {}): ElfSymbol {
  return { name, address, size: 0, kind: 'label', local: false, absolute: false, ...more };
}

t.test('nm says the same of every name', (t) => {
  for (const elfClass of [32, 64] as const) {
    const path = assemble(t.testdir(), SOURCE, elfClass, ['-Ttext=0x200000', '-Tdata=0x300000']);
    const symbols = readSymbols(parseElf(readFileSync(path)));
    const said = [...run('nm', [path]).matchAll(/^([0-9a-f]+) \w (\S+)$/gm)].map(
      (line) => [line[2], BigInt(`0x${line[1]}`)] as const,
    );
    t.ok(said.length > 6);
    t.strictSame(
      symbols
        .names()
        .map((name) => [name, symbols.address(name)])
        .sort(),
      [...said].sort(),
    );
  }
  t.end();
});

t.test('nearest: best name at an address, offset from it, nothing outside the image', (t) => {
  const path = assemble(t.testdir(), SOURCE, 64, ['-Ttext=0x200000', '-Tdata=0x300000']);
  const symbols = readSymbols(parseElf(readFileSync(path)));
  t.strictSame(symbols.nearest(0x200001n), { name: 'local_label', offset: 0n });
  t.strictSame(symbols.nearest(0x200002n), { name: 'helper', offset: 0n }, 'a function before a label');
  t.strictSame(symbols.nearest(0x200010n), { name: 'helper', offset: 0xen });
  t.strictSame(symbols.nearest(0x30000an), { name: 'counter', offset: 2n });
  t.equal(symbols.nearest(0x1234n), undefined, 'constants are no places');
  t.equal(symbols.nearest(0x400000n), undefined);
  t.equal(symbols.address('constant'), 0x1234n);
  t.equal(symbols.address('nowhere'), undefined);
  t.notOk(symbols.names().includes('early.s'));
  t.end();
});

t.test('names repeat, sections come last, order is by address', (t) => {
  const symbols = new SymbolTable(
    [
      place('.text', 0x10n, { kind: 'section' }),
      place('twin', 0x30n, { local: true }),
      place('a', 0x20n),
      place('twin', 0x18n, { local: true }),
      place('.data', 0x30n, { kind: 'section' }),
      place('file.c', 0x10n, { kind: 'file' }),
      place('global', 0x20n, { kind: 'function' }),
    ],
    () => true,
  );
  t.equal(symbols.address('twin'), 0x30n, 'the first is kept');
  t.strictSame(
    symbols.all('twin').map((s) => s.address),
    [0x30n, 0x18n],
  );
  t.strictSame(symbols.all('none'), []);
  t.strictSame(symbols.names(), ['twin', 'a', 'global']);
  t.strictSame(symbols.nearest(0x12n), { name: '.text', offset: 2n });
  t.strictSame(symbols.nearest(0x2fn), { name: 'global', offset: 0xfn });
  t.strictSame(symbols.nearest(0x30n), { name: 'twin', offset: 0n });
  t.equal(symbols.nearest(0xfn), undefined);
  t.end();
});

t.test('no symbols, and symbols that cannot be read', (t) => {
  const path = assemble(t.testdir(), SOURCE, 32, ['-s']);
  const stripped = readSymbols(parseElf(readFileSync(path)));
  t.strictSame(stripped.names(), []);
  t.equal(stripped.nearest(0x8049000n), undefined);

  const elf = parseElf(readFileSync(assemble(t.testdir(), SOURCE, 32, [])));
  const withTable = (change: { size?: number; entrySize?: number }): (() => unknown) => {
    const sections = elf.sections.map((s) => (s.name === '.symtab' ? { ...s, ...change } : s));
    return () => readSymbols({ ...elf, sections });
  };
  t.throws(withTable({ size: 0x100000 }), { name: 'ElfTruncatedError', table: 'symbol table' });
  t.throws(withTable({ entrySize: 12 }), { name: 'ElfUnsupportedError', message: /16 expected/ });
  t.end();
});
