/** The first lines of a CPU dump, which change from instruction to instruction: read by their places. */
import { A20, GENERAL, RFLAGS, RIP } from '../x86/state/state-layout.ts';
import type { DumpColumns } from './dump-columns.ts';
import type { HexColumns } from './hex-columns.ts';

/** Reads general registers, instruction pointer, flags and A20; what is no number is `hex`'s fault to tell. */
export function readHead(
  text: Buffer,
  at: number,
  columns: DumpColumns,
  words: Int32Array,
  hex: HexColumns,
): void {
  if (columns.digits === 16) readWide(text, at, columns, words, hex);
  else readNarrow(text, at, columns, words, hex);
  words[RFLAGS] = hex.word(text, at + columns.rflags);
  words[A20] = hex.digit(text, at + columns.a20);
}

function readWide(text: Buffer, at: number, columns: DumpColumns, words: Int32Array, hex: HexColumns): void {
  for (let number = 0; number < 16; number++) {
    const column = at + columns.general[number]!;
    words[GENERAL + 2 * number] = hex.word(text, column + 8);
    words[GENERAL + 2 * number + 1] = hex.word(text, column);
  }
  words[RIP] = hex.word(text, at + columns.rip + 8);
  words[RIP + 1] = hex.word(text, at + columns.rip);
}

function readNarrow(
  text: Buffer,
  at: number,
  columns: DumpColumns,
  words: Int32Array,
  hex: HexColumns,
): void {
  words.fill(0, GENERAL, RFLAGS);
  for (let number = 0; number < 8; number++)
    words[GENERAL + 2 * number] = hex.word(text, at + columns.general[number]!);
  words[RIP] = hex.word(text, at + columns.rip);
}
