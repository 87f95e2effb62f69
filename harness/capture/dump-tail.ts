/** The lines of a CPU dump from the segments on: they seldom change, so they are read by label. */
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CR2,
  CR3,
  CR4,
  EFER,
  GDTR,
  IDTR,
  LIMIT,
  segmentWord,
  SELECTOR,
} from '../x86/state/state-layout.ts';
import { SEGMENT_LABELS } from './dump-columns.ts';
import { LogFormatError, shownLine } from './errors.ts';
import type { HexColumns } from './hex-columns.ts';

const SPACE = 0x20;

type LineReader = (line: Buffer, words: Int32Array, hex: HexColumns) => void;

/**
 * An address of 8 or 16 digits: 16 in 64-bit code; in 32-bit code within long mode, too, but for segments' bases.
 * @returns where the column ends.
 */
function address(line: Buffer, at: number, words: Int32Array, word: number, hex: HexColumns): number {
  const isWide = line[at + 8] !== SPACE;
  words[word] = hex.word(line, isWide ? at + 8 : at);
  words[word + 1] = isWide ? hex.word(line, at) : 0;
  return at + (isWide ? 16 : 8);
}

/** `CS =0010 00000000 ffffffff 00cf9a00 DPL=0 CS32 [-R-]` */
function segment(index: number): LineReader {
  const first = segmentWord(index);
  return (line, words, hex) => {
    words[first + SELECTOR] = hex.half(line, 4);
    const end = address(line, 9, words, first + BASE, hex);
    words[first + LIMIT] = hex.word(line, end + 1);
    words[first + ATTRIBUTES] = hex.word(line, end + 10);
  };
}

/** `GDT=     000010b0 00000020` */
function table(first: number): LineReader {
  return (line, words, hex) => {
    const end = address(line, 9, words, first, hex);
    words[first + 2] = hex.word(line, end + 1);
  };
}

/** `CR0=00000011 CR2=00000000 CR3=00000000 CR4=00000000` */
const controls: LineReader = (line, words, hex) => {
  words[CR0] = hex.word(line, 4);
  const cr3 = address(line, 17, words, CR2, hex) + ' CR3='.length;
  const cr4 = address(line, cr3, words, CR3, hex) + ' CR4='.length;
  words[CR4] = hex.word(line, cr4);
};

/** `EFER=0000000000000d00`, in either mode. */
const efer: LineReader = (line, words, hex) => {
  hex.word(line, 5);
  words[EFER] = hex.word(line, 13);
};

const ignored: LineReader = () => undefined;

const READERS: ReadonlyMap<string, LineReader> = new Map([
  ...Object.entries(SEGMENT_LABELS).map(([label, index]) => [label, segment(index)] as const),
  ['GDT=', table(GDTR)],
  ['IDT=', table(IDTR)],
  ['CR0=', controls],
  ['DR0=', ignored],
  ['DR6=', ignored],
  ['CCS=', ignored],
  ['EFER', efer],
]);

/** What a dump must hold beside its first lines. */
const NEEDED = [...Object.keys(SEGMENT_LABELS), 'GDT=', 'IDT=', 'CR0='];

/**
 * Reads whole lines into `words`.
 * @param skips other lines that may stand among them, by their first four characters.
 * @throws LogFormatError where a line is none of them, or one is missing.
 */
export function readDumpLines(
  lines: Buffer,
  words: Int32Array,
  hex: HexColumns,
  skips: RegExp | undefined = undefined,
): void {
  const seen = new Set<string>();
  for (let at = 0; at < lines.length;) {
    const found = lines.indexOf(0x0a, at);
    const end = found < 0 ? lines.length : found;
    const line = lines.subarray(at, end);
    at = end + 1;
    const label = line.toString('latin1', 0, 4);
    const read = READERS.get(label);
    if (!read && skips?.test(label)) continue;
    if (!read) throw new LogFormatError('a line of a CPU dump', shownLine(line));
    read(line, words, hex);
    if (hex.takeFault()) throw new LogFormatError(`the columns of ${label}`, shownLine(line));
    seen.add(label);
  }
  const missing = NEEDED.find((label) => !seen.has(label));
  if (missing !== undefined) throw new LogFormatError(`a line that begins with ${missing}`, shownLine(lines));
}
