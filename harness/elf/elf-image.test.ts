import { readFileSync } from 'node:fs';
import t from 'tap';
import { ElfTruncatedError, ElfUnsupportedError, NotElfError } from './elf-errors.ts';
import { bytesAt, loadSegments, parseElf } from './elf-image.ts';
import { assemble, run } from './testdata/assemble.ts';
import { buildElf } from './testdata/elf-builder.ts';

const HIGH = 0xffff_82d0_4020_0000n;
const SOURCE = `
  .globl _start
  .text
_start: mov $1, %eax
  hlt
  .data
number: .long 0x12345678
  .bss
  .skip 0x100
`;

function small(elfClass: 32 | 64 = 32): Uint8Array {
  return buildElf({
    class: elfClass,
    segments: [
      {
        paddr: 0x200000n,
        vaddr: elfClass === 64 ? HIGH : 0x200000n,
        bytes: Uint8Array.of(1, 2, 3),
        memsz: 8,
      },
      { type: 4, paddr: 0x300000n, bytes: Uint8Array.of(9) },
    ],
  });
}

t.test('readelf says the same of segments and sections', (t) => {
  for (const elfClass of [32, 64] as const) {
    const path = assemble(t.testdir(), SOURCE, elfClass, ['-Ttext=0x200000', '-z', 'noseparate-code']);
    const elf = parseElf(readFileSync(path));
    const said = run('readelf', ['-lW', path]);
    const lines = [...said.matchAll(/^ {2}([A-Z_]+) +(0x\w+) (0x\w+) (0x\w+) (0x\w+) (0x\w+)/gm)];
    t.ok(lines.length > 1, 'readelf shows segments');
    t.strictSame(
      elf.segments.map((s) => [BigInt(s.offset), s.vaddr, s.paddr, BigInt(s.filesz), BigInt(s.memsz)]),
      lines.map((line) => line.slice(2, 7).map(BigInt)),
    );
    t.match(said, `Entry point 0x${elf.entry.toString(16)}`);
    const sections = run('readelf', ['-SW', path]);
    for (const section of elf.sections.slice(1)) {
      const pattern = new RegExp(
        `\\[ *${section.index}\\] ${section.name} +\\w+ +0*${section.address.toString(16)} `,
      );
      t.match(sections, pattern);
    }
    t.equal(elf.class, elfClass);
  }
  t.end();
});

t.test('built fixtures: both classes', (t) => {
  for (const elfClass of [32, 64] as const) {
    const elf = parseElf(small(elfClass));
    t.equal(elf.class, elfClass);
    t.equal(elf.machine, elfClass === 32 ? 3 : 62);
    t.equal(elf.segments.length, 2);
    t.match(loadSegments(elf), [{ type: 1, paddr: 0x200000n, filesz: 3, memsz: 8, flags: 7, align: 16 }]);
    t.strictSame(elf.sections, [], 'no section table is no error');
  }
  t.end();
});

t.test('bytesAt: file bytes, then zeros, and nothing outside', (t) => {
  const elf = parseElf(small(64));
  t.strictSame([...(bytesAt(elf, HIGH, 3) ?? [])], [1, 2, 3]);
  t.strictSame([...(bytesAt(elf, HIGH + 2n, 4) ?? [])], [3, 0, 0, 0]);
  t.strictSame([...(bytesAt(elf, HIGH + 5n, 3) ?? [])], [0, 0, 0]);
  t.equal(bytesAt(elf, HIGH + 5n, 4), undefined, 'past memsz');
  t.equal(bytesAt(elf, HIGH - 1n, 1), undefined);
  t.equal(bytesAt(elf, 0x300000n, 1), undefined, 'notes are not loaded');
  t.equal(bytesAt(elf, HIGH + 1n, -1), undefined);
  t.end();
});

t.test('what is no ELF is told apart by its first bytes', (t) => {
  const cases: [number[], RegExp][] = [
    [[], /empty/],
    [[0x1f, 0x8b, 8, 0], /gzip data; unpack/],
    [[0x4d, 0x5a, 0x90], /PE image/],
    [[...Buffer.from('menuentry "Xen"\n')], /text/],
    [[0xe9, 0x2d, 0xb6, 0x1f, 0], /begins with e9 2d b6 1f 00/],
    [[0x7f, 0x45], /begins with 7f 45/],
  ];
  for (const [bytes, message] of cases)
    t.throws(() => parseElf(Uint8Array.from(bytes)), { name: 'NotElfError', message });
  t.end();
});

t.test('other kinds of ELF are refused by name', (t) => {
  const altered = (change: (view: DataView) => void): (() => unknown) => {
    const bytes = small();
    change(new DataView(bytes.buffer));
    return () => parseElf(bytes);
  };
  const cases: [string, (view: DataView) => void][] = [
    ['big-endian', (v) => v.setUint8(5, 2)],
    ['data encoding byte 7', (v) => v.setUint8(5, 7)],
    ['class byte 3', (v) => v.setUint8(4, 3)],
    ['machine 183 is not x86', (v) => v.setUint16(0x12, 183, true)],
    ['entries of 8 bytes', (v) => v.setUint16(0x2a, 8, true)],
    ['65,534 program headers', (v) => v.setUint16(0x2c, 0xffff, true)],
    ['more bytes in the file (3) than in memory (2)', (v) => v.setUint32(52 + 20, 2, true)],
  ];
  for (const [text, change] of cases)
    t.throws(altered(change), { name: 'ElfUnsupportedError', message: new RegExp(escapeRegExp(text)) });
  const huge = small(64);
  new DataView(huge.buffer).setBigUint64(64 + 40, 1n << 60n, true);
  t.throws(() => parseElf(huge), { name: 'ElfUnsupportedError', message: /p_memsz 0x1000000000000000/ });
  t.end();
});

t.test('a cut file names the table that is missing', (t) => {
  const bytes = small();
  t.throws(() => parseElf(bytes.subarray(0, 5)), { name: 'ElfTruncatedError', message: /header is cut/ });
  t.throws(() => parseElf(bytes.subarray(0, 40)), { name: 'ElfTruncatedError', message: /header is cut/ });
  t.throws(() => parseElf(bytes.subarray(0, 60)), {
    table: 'program header table',
    message: /64 bytes at offset 0x34, the file has 0x3c bytes/,
  });
  t.throws(() => parseElf(bytes.subarray(0, 0x81)), { name: 'ElfTruncatedError', table: 'segment 0' });
  const sections = small();
  const view = new DataView(sections.buffer);
  view.setUint32(0x20, 0x7000, true);
  view.setUint16(0x2e, 40, true);
  view.setUint16(0x30, 3, true);
  t.throws(() => parseElf(sections), {
    name: 'ElfTruncatedError',
    table: 'section header table',
    offset: 0x7000n,
  });
  t.end();
});

t.test('no cut and no flipped byte throws anything unnamed', (t) => {
  const path = assemble(t.testdir(), SOURCE, 64, []);
  const bytes = readFileSync(path);
  const attempt = (input: Uint8Array): void => {
    try {
      parseElf(input);
    } catch (error) {
      const known = [NotElfError, ElfTruncatedError, ElfUnsupportedError];
      if (!known.some((kind) => error instanceof kind)) throw error;
    }
  };
  for (let size = 0; size < bytes.length; size += 7) attempt(bytes.subarray(0, size));
  for (let offset = 0; offset < 0x200; offset++) {
    const altered = Uint8Array.from(bytes);
    altered[offset] = 0xff;
    attempt(altered);
  }
  t.end();
});

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
