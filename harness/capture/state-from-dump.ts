/** What the monitor prints for `info registers` as state words: the log's dump with the FPU after it. */
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import { COLUMNS_32, COLUMNS_64 } from './dump-columns.ts';
import { readHead } from './dump-head.ts';
import { readDumpLines } from './dump-tail.ts';
import { LogFormatError, shownLine } from './errors.ts';
import { HexColumns } from './hex-columns.ts';

/** FPU and vector registers: `FCW=`, `FPR0`, `XMM0`, `YMM0`, `Opma`; 7.2 names the CPU first in some versions. */
const SKIPPED = /^(?:FCW=|FPR\d|[XYZ]MM|Opma)/;

/** @throws LogFormatError where the text is not what QEMU prints of an x86 CPU. */
export function stateFromDump(text: string): Int32Array {
  const bytes = Buffer.from(text.replaceAll('\r', ''), 'latin1');
  const start = ['EAX=', 'RAX='].map((label) => bytes.indexOf(label)).find((at) => at >= 0);
  if (start === undefined) throw new LogFormatError('the registers of an x86 CPU', shownLine(bytes));
  const columns = bytes[start] === COLUMNS_64.begins.charCodeAt(0) ? COLUMNS_64 : COLUMNS_32;
  for (const { at, text: expected } of columns.text)
    if (bytes.toString('latin1', start + at, start + at + expected.length) !== expected)
      throw new LogFormatError(JSON.stringify(expected), shownLine(bytes.subarray(start + at)));
  const words = new Int32Array(STATE_WORDS);
  const hex = new HexColumns();
  readHead(bytes, start, columns, words, hex);
  if (hex.takeFault()) throw new LogFormatError('hexadecimal numbers', shownLine(bytes.subarray(start)));
  readDumpLines(bytes.subarray(start + columns.headBytes), words, hex, SKIPPED);
  return words;
}
