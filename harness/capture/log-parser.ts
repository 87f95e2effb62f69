/**
 * QEMU's log of CPU states as a stream (`log cpu`, singlestep on): text as it comes in, one state word array per record.
 * A record is what dump-columns.ts shows: the state before one instruction. Of most instructions only the general
 * registers, the instruction pointer and the flags change: what follows them is compared with the record before
 * as bytes, and read only where it differs.
 */
import { EFER, STATE_WORDS } from '../x86/state/state-layout.ts';
import { COLUMNS_32, COLUMNS_64, type DumpColumns } from './dump-columns.ts';
import { readHead } from './dump-head.ts';
import { readDumpLines } from './dump-tail.ts';
import { LogFormatError, shownLine } from './errors.ts';
import { HexColumns } from './hex-columns.ts';

/** Nothing that QEMU prints of a CPU at once is longer. */
const MAX_RECORD_BYTES = 16 * 1024;

const NEWLINE = 0x0a;
/** In either mode the last line of a record: `EFER=0000000000000d00`. */
const LAST_LINE = '\nEFER=';
const LAST_LINE_BYTES = 'EFER=0000000000000000\n'.length;

const E = 0x45;
const R = 0x52;
/** `CCS=`: how lazily the flags are computed; changes all the time and means nothing here. */
const LAZY_FLAGS_LABEL = Buffer.from('CCS=');
const EFER_LABEL = Buffer.from('EFER=');

interface CheckedColumns extends DumpColumns {
  /** The bytes between the columns: where, and what. */
  readonly fixed: readonly (readonly [at: number, byte: number])[];
}

function checked(columns: DumpColumns): CheckedColumns {
  const fixed = columns.text.flatMap(({ at, text }) =>
    [...Buffer.from(text)].map((byte, index) => [at + index, byte] as const),
  );
  return { ...columns, fixed };
}

const [CHECKED_32, CHECKED_64] = [checked(COLUMNS_32), checked(COLUMNS_64)];

/** Begins a line of the harness's own. */
export const MARK = '# ';

/** Source: QEMU 7.2 target/i386/tcg/excp_helper.c (check_exception), hw/core/cpu-common.c (cpu_common_reset). */
export const RESET_LINE = /^(?:Triple fault|CPU Reset \(CPU \d+\))$/;
/** With `exec`: accel/tcg/cpu-exec.c, log_cpu_exec. */
const BLOCK_LINE = /^Trace \d+: /;

export interface LogListener {
  /** @param words the same array each time: whoever keeps it copies it. */
  readonly onState: (words: Int32Array) => void;
  /** A line that the harness itself wrote among them, without {@link MARK} and its end. */
  readonly onMark?: (text: string) => void;
  /** The CPU was reset, by a triple fault or otherwise; what comes then is not looked at. */
  readonly onReset?: (line: string) => void;
}

export class LogParser {
  readonly #listener: LogListener;
  readonly #words = new Int32Array(STATE_WORDS);
  readonly #hex = new HexColumns();
  /** The start of a record whose end has not come. */
  #held: Buffer = Buffer.alloc(0);
  #state: 'reading' | 'reset' = 'reading';
  /** The bytes of the last record from the segments on, up to the lazy flags. */
  readonly #tail = Buffer.alloc(MAX_RECORD_BYTES);
  #tailBytes = 0;
  #records = 0;

  constructor(listener: LogListener) {
    this.#listener = listener;
  }

  /** How many records there were. */
  get records(): number {
    return this.#records;
  }

  /** Text that has come and is not yet a whole record. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** @throws LogFormatError where the text is no log of CPU states. */
  feed(chunk: Buffer): void {
    const text = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    // The last line may be cut short: then the one before ends what is whole.
    const latest = text.length - LAST_LINE_BYTES - 1;
    const last = latest < 0 ? -1 : text.lastIndexOf(LAST_LINE, latest);
    const end = last < 0 ? 0 : last + 1 + LAST_LINE_BYTES;
    let at = 0;
    while (at < end && this.#state === 'reading') at = this.#record(text, at);
    while (this.#state === 'reading' && !beginsRecord(text, at) && text.indexOf(NEWLINE, at) >= 0)
      at = this.#otherLine(text, at);
    if (this.#state === 'reset') at = this.#marksOnly(text, at);
    // The chunk is its stream's, which may use it again.
    this.#held = Buffer.from(text.subarray(at));
    if (this.#held.length > MAX_RECORD_BYTES) throw new LogFormatError('a CPU dump', shownLine(this.#held));
  }

  /** Reads what begins at `at`. @returns where the next begins. */
  #record(text: Buffer, at: number): number {
    const columns = text[at] === R ? CHECKED_64 : text[at] === E ? CHECKED_32 : undefined;
    if (!columns) return this.#otherLine(text, at);
    this.#head(text, at, columns);
    const segments = at + columns.headBytes;
    const isSame = this.#tailIsAt(text, segments);
    const rest = isSame ? segments + this.#tailBytes : this.#newTail(text, segments);
    const end = this.#lastLines(text, rest);
    this.#records++;
    this.#listener.onState(this.#words);
    return end;
  }

  /** General registers, instruction pointer, flags, A20. */
  #head(text: Buffer, at: number, columns: CheckedColumns): void {
    for (const [offset, byte] of columns.fixed)
      if (text[at + offset] !== byte) throw this.#misshapen(text, at + offset, columns.begins);
    readHead(text, at, columns, this.#words, this.#hex);
    if (this.#hex.takeFault()) throw this.#misshapen(text, at, columns.begins);
  }

  /** No record is without segments, and so the first never has the tail of the one before. */
  #tailIsAt(text: Buffer, segments: number): boolean {
    const end = segments + this.#tailBytes;
    if (this.#tailBytes === 0 || end > text.length) return false;
    return text.compare(this.#tail, 0, this.#tailBytes, segments, end) === 0;
  }

  /** @returns where the lazy flags begin, or the last line where a dump has none. */
  #newTail(text: Buffer, segments: number): number {
    const lazy = text.indexOf(LAZY_FLAGS_LABEL, segments);
    const last = text.indexOf(EFER_LABEL, segments);
    const end = lazy >= 0 && lazy < last ? lazy : last;
    const bytes = end - segments;
    if (bytes > MAX_RECORD_BYTES) throw this.#misshapen(text, segments, 'segment registers');
    readDumpLines(text.subarray(segments, end), this.#words, this.#hex);
    text.copy(this.#tail, 0, segments, end);
    this.#tailBytes = bytes;
    return end;
  }

  /** `CCS=…`, which is not read, and `EFER=…`. @returns where they end. */
  #lastLines(text: Buffer, at: number): number {
    const last = text[at] === E ? at : text.indexOf(NEWLINE, at) + 1;
    const end = last + LAST_LINE_BYTES;
    for (const [index, byte] of EFER_LABEL.entries())
      if (text[last + index] !== byte) throw this.#misshapen(text, last, 'EFER');
    const digits = last + EFER_LABEL.length;
    this.#hex.word(text, digits);
    this.#words[EFER] = this.#hex.word(text, digits + 8);
    if (this.#hex.takeFault() || text[end - 1] !== NEWLINE) throw this.#misshapen(text, last, 'EFER');
    return end;
  }

  #otherLine(text: Buffer, at: number): number {
    const end = text.indexOf(NEWLINE, at);
    const line = text.toString('latin1', at, Math.min(end, at + MAX_RECORD_BYTES));
    if (line.startsWith(MARK)) this.#listener.onMark?.(line.slice(MARK.length));
    else if (RESET_LINE.test(line)) {
      this.#state = 'reset';
      this.#listener.onReset?.(line);
    } else if (!BLOCK_LINE.test(line)) throw new LogFormatError('a CPU dump', shownLine(text.subarray(at)));
    return end + 1;
  }

  /** After a reset. @returns where the last line begins, which may not be whole. */
  #marksOnly(text: Buffer, start: number): number {
    let at = start;
    for (let end = text.indexOf(NEWLINE, at); end >= 0; end = text.indexOf(NEWLINE, at)) {
      const line = text.toString('latin1', at, end);
      if (line.startsWith(MARK)) this.#listener.onMark?.(line.slice(MARK.length));
      at = end + 1;
    }
    return at;
  }

  #misshapen(text: Buffer, at: number, expected: string): LogFormatError {
    const start = text.lastIndexOf(NEWLINE, at - 1) + 1;
    return new LogFormatError(`a CPU dump at ${expected}`, shownLine(text.subarray(start)));
  }
}

function beginsRecord(text: Buffer, at: number): boolean {
  return text[at] === E || text[at] === R;
}
