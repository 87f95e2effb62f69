/**
 * Serial bytes of a guest → lines of plain text. Pure, incremental: the lines do not depend on how the bytes were cut
 * into chunks. The input is hostile: no sequence of bytes makes it hold more than one line and one escape sequence.
 *
 * Sources: ECMA-48 (control functions, §5.4 control sequences, §8.3), XTerm Control Sequences (OSC ended by BEL);
 * what GRUB's terminfo and UEFI's TerminalDxe really send.
 */

export interface CleanerLimits {
  /** A longer line is cut, marked, and goes on as the next one. Default 16 KiB characters. */
  readonly maxLineChars?: number;
}

/** Ends the pieces of a line that was cut. */
export const CUT_MARK = ' [line cut]';

const MAX_LINE_CHARS = 16 * 1024;
/** Real sequences are short; a longer one is a guest that hides its text, and is given up. */
const MAX_SEQUENCE_CHARS = 256;

const ESCAPE = 0x1b;
const BELL = 0x07;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * `text`; after ESC (`escape`); after ESC and intermediate bytes (`intermediate`); in a control sequence (`control`);
 * in a control string (`string`) and after an ESC in it (`stringEscape`).
 */
type CleanerState = 'text' | 'escape' | 'intermediate' | 'control' | 'string' | 'stringEscape';

/**
 * Final bytes that move to another line or clear the screen: what follows is not the same line. CUU CUD CNL CPL CUP
 * ED HVP VPA (ECMA-48 §8.3).
 */
const LEAVES_LINE = new Set(['A', 'B', 'E', 'F', 'H', 'J', 'f', 'd']);

/** Printable text: no C0, DEL or C1 control, no line separator, no bidirectional override. Tab is kept. */
const PRINTABLE = /[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+/y;

export class SerialCleaner {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #maxLineChars: number;
  #state: CleanerState = 'text';
  #sequenceChars = 0;
  #line = '';
  /** A carriage return was seen and not yet acted upon: before a line feed it is part of the line's end. */
  #returned = false;
  #lines: string[] = [];

  constructor({ maxLineChars = MAX_LINE_CHARS }: CleanerLimits = {}) {
    this.#maxLineChars = maxLineChars;
  }

  /** The line that is not complete yet. */
  get unfinished(): string {
    return this.#line;
  }

  /** The lines that `bytes` complete. */
  feed(bytes: Uint8Array): string[] {
    this.#consume(this.#decoder.decode(bytes, { stream: true }));
    return this.#take();
  }

  /** The last line, where it has no end; afterwards the cleaner is as new. */
  end(): string[] {
    this.#consume(this.#decoder.decode());
    this.#state = 'text';
    this.#leaveLine();
    return this.#take();
  }

  #take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  #consume(text: string): void {
    for (let at = 0; at < text.length;) {
      PRINTABLE.lastIndex = at;
      const run = this.#state === 'text' ? PRINTABLE.exec(text)?.[0] : undefined;
      if (run === undefined) this.#char(text[at]!);
      else this.#print(run);
      at += run?.length ?? 1;
    }
  }

  #print(run: string): void {
    // A lone carriage return would overwrite the line; as evidence both texts count, so it ends the line instead.
    if (this.#returned) this.#leaveLine();
    this.#line += run;
    while (this.#line.length > this.#maxLineChars) {
      this.#lines.push(this.#line.slice(0, this.#maxLineChars) + CUT_MARK);
      this.#line = this.#line.slice(this.#maxLineChars);
    }
  }

  #char(char: string): void {
    const code = char.charCodeAt(0);
    if (this.#state === 'string' || this.#state === 'stringEscape') this.#inString(code);
    else if (code === ESCAPE) this.#begin('escape');
    else if (code === LINE_FEED || code === CARRIAGE_RETURN) this.#lineControl(code);
    else if (this.#state === 'escape') this.#afterEscape(char, code);
    else if (this.#state === 'intermediate') this.#inIntermediate(code);
    else if (this.#state === 'control') this.#inControl(char, code);
    // Else a control character or a direction mark in text: dropped.
  }

  /** A line's end also ends a broken sequence: its text is worth more than the sequence. */
  #lineControl(code: number): void {
    this.#state = 'text';
    if (code === CARRIAGE_RETURN) {
      this.#returned = this.#line !== '';
      return;
    }
    this.#endLine();
  }

  #afterEscape(char: string, code: number): void {
    if (char === '[') this.#begin('control');
    else if (']PX^_'.includes(char)) this.#begin('string');
    else if (code >= 0x20 && code <= 0x2f) this.#begin('intermediate');
    else {
      this.#state = 'text';
      // RIS, IND, NEL and RI: a reset, or another line.
      if ('cDEM'.includes(char)) this.#leaveLine();
    }
  }

  #inIntermediate(code: number): void {
    if (code >= 0x20 && code <= 0x2f) this.#count();
    else this.#state = 'text';
  }

  #inControl(char: string, code: number): void {
    if (code >= 0x40 && code <= 0x7e) {
      this.#state = 'text';
      if (LEAVES_LINE.has(char)) this.#leaveLine();
    } else if (code >= 0x80) this.#abandon(char);
    else this.#count();
  }

  #inString(code: number): void {
    if (code === LINE_FEED || code === CARRIAGE_RETURN) this.#lineControl(code);
    else if (code === BELL) this.#state = 'text';
    else if (code === ESCAPE) this.#state = 'stringEscape';
    else if (this.#state === 'stringEscape') this.#afterStringEscape(code);
    else this.#count();
  }

  /** ESC \ ends the string (ST); any other sequence cancels it and begins. */
  #afterStringEscape(code: number): void {
    this.#begin('escape');
    this.#afterEscape(String.fromCharCode(code), code);
  }

  #begin(state: CleanerState): void {
    this.#state = state;
    this.#sequenceChars = 0;
  }

  #count(): void {
    if (++this.#sequenceChars > MAX_SEQUENCE_CHARS) this.#state = 'text';
  }

  /** No control sequence holds such a character: it is text. */
  #abandon(char: string): void {
    this.#state = 'text';
    this.#consume(char);
  }

  #leaveLine(): void {
    if (this.#line !== '') this.#endLine();
    this.#returned = false;
  }

  #endLine(): void {
    this.#lines.push(this.#line);
    this.#line = '';
    this.#returned = false;
  }
}
