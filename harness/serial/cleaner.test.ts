import t from 'tap';
import { CUT_MARK, SerialCleaner } from './cleaner.ts';

/** All lines of `text`, its unfinished last one included. */
function cleaned(text: string | Uint8Array, pieceBytes = Infinity): string[] {
  const bytes = Buffer.from(text as string);
  const cleaner = new SerialCleaner();
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    lines.push(...cleaner.feed(bytes.subarray(at, Math.min(bytes.length, at + pieceBytes))));
  return [...lines, ...cleaner.end()];
}

const GRUB =
  '\x1b[H\x1b[J\x1b[1;1Hloadbase: loader started\n\r\rloader/multiboot.c:129: relocatable=1, link_base_addr=0x200000,\n\rload_base_addr=0x3e00000\n\r';
const GRUB_LINES = [
  'loadbase: loader started',
  'loader/multiboot.c:129: relocatable=1, link_base_addr=0x200000,',
  'load_base_addr=0x3e00000',
];
const OVMF =
  '\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01HBdsDxe: loading Boot0001 "UEFI QEMU DVD-ROM" from …\r\n\x1b[0m\x1b[37m\x1b[40mBdsDxe: starting\r\n';
const OVMF_LINES = ['BdsDxe: loading Boot0001 "UEFI QEMU DVD-ROM" from …', 'BdsDxe: starting'];

t.test('what real loaders and firmware print', async (t) => {
  t.same(cleaned(GRUB), GRUB_LINES);
  t.same(cleaned(OVMF), OVMF_LINES);
  t.same(cleaned('SeaBIOS (version 1.16)\r\n\r\n(XEN) Xen version 4.17\r\n'), [
    'SeaBIOS (version 1.16)',
    '',
    '(XEN) Xen version 4.17',
  ]);
});

t.test('lines are the same however the bytes are cut', async (t) => {
  const nasty = `${GRUB}${OVMF}a\r\nb\x1b]0;title\x1b\\c\x1b(Bd\re\x1b[31mf\x07\n\x1b[999999`;
  for (let size = 1; size <= 40; size++) t.same(cleaned(nasty, size), cleaned(nasty), `pieces of ${size}`);
});

t.test('control functions', async (t) => {
  const cases: [what: string, text: string, lines: string[]][] = [
    ['colours leave the line whole', 'a\x1b[1;31mb\x1b[0mc', ['abc']],
    ['a cursor move ends the line', 'a\x1b[5;3Hb', ['a', 'b']],
    ['so does a cleared screen', 'a\x1b[2Jb', ['a', 'b']],
    ['and a reset', 'a\x1bcb', ['a', 'b']],
    ['on an empty line they do nothing', '\x1b[H\x1b[2J\x1bca', ['a']],
    ['a lone carriage return loses nothing', '10%\r20%\r\n', ['10%', '20%']],
    ['several carriage returns are one', 'a\r\r\nb', ['a', 'b']],
    ['private parameters', '\x1b[?25la\x1b[=3hb', ['ab']],
    ['character sets and keypad modes', '\x1b(Ba\x1b)0b\x1b=c\x1b>d', ['abcd']],
    ['control strings, ended by BEL or ST', 'a\x1b]0;b\x07c\x1bPd\x1b\\e\x1b_f\x1b\x1b\\g', ['aceg']],
    ['an escape cancels a sequence', 'a\x1b[3\x1b[1mb', ['ab']],
    ['an escape cancels a string', 'a\x1b]0;b\x1b[1mc', ['ac']],
    ['NUL, BEL, BS, DEL and C1 are dropped', 'a\0\x07\b\x7f\u0085\u009bb', ['ab']],
    ['a tab is kept', 'a\tb', ['a\tb']],
    ['line separators and bidirectional overrides are dropped', 'a\u2028\u202eb\u2066', ['ab']],
    ['bytes that are no UTF-8 stand as such', 'ä€😀', ['ä€😀']],
  ];
  for (const [what, text, lines] of cases) t.same(cleaned(text), lines, what);
  t.same(cleaned(Buffer.from([0x61, 0xff, 0x9b, 0x62])), ['a\ufffd\ufffdb']);
});

t.test('a guest can not hide what follows in an endless sequence', async (t) => {
  for (const opening of ['\x1b[', '\x1b]', '\x1bP', '\x1b_', '\x1b(', '\x1b']) {
    t.same(
      cleaned(`${opening}\n(XEN) Xen\n`).at(-1),
      '(XEN) Xen',
      `a line's end ends ${JSON.stringify(opening)}`,
    );
    t.match(cleaned(`${opening}${'/'.repeat(400)}Xen`).at(-1), /Xen$/, `so does its length`);
  }
  t.same(cleaned('\x1b[12ä'), ['ä'], 'what can not be in it is text');
});

t.test('a line without an end is cut and marked; nothing of it is lost', async (t) => {
  const cleaner = new SerialCleaner({ maxLineChars: 4 });
  t.same(cleaner.feed(Buffer.from('1234')), []);
  t.same(cleaner.feed(Buffer.from('5678 9\n')), [`1234${CUT_MARK}`, `5678${CUT_MARK}`, ' 9']);
  t.equal(cleaner.unfinished, '');
});

t.test('random bytes give plain lines, and the same ones in any pieces', async (t) => {
  let seed = 12345;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  const likely = [0x1b, 0x5b, 0x5d, 0x0a, 0x0d, 0x3b, 0x41, 0x48, 0x6d, 0x07, 0x5c, 0xc2, 0x9b, 0x30];
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(
      Array.from({ length: 300 }, () =>
        random() < 0.7 ? likely[Math.floor(random() * likely.length)]! : Math.floor(random() * 256),
      ),
    );
    const lines = cleaned(bytes);
    t.same(cleaned(bytes, 1 + Math.floor(random() * 7)), lines);
    t.notOk(lines.some((line) => /[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(line)));
  }
});
