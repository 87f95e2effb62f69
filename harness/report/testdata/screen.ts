/**
 * A terminal small enough to trust: it knows the sequences that the live area may use (ECMA-48 CUU, CUD, CHA, EL, SGR
 * and three private modes) and throws on any other, so a guest's sequence that gets through is found.
 */

import type { ReporterTarget } from '../reporter.ts';

const SEQUENCE = /^\x1b\[(\??)([0-9;]*)([A-Za-z])/;

export class Screen implements ReporterTarget {
  readonly isTerminal = true;
  readonly colours: boolean;
  columns: number;
  rows: number;
  cursorIsHidden = false;
  /** Everything ever written, scrolled away or not. */
  readonly lines: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number, colours = false) {
    this.columns = columns;
    this.rows = rows;
    this.colours = colours;
  }

  /** All lines without blanks at their end, down to the last that is not empty. */
  get text(): string {
    return this.lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  }

  write(text: string): void {
    let rest = text;
    while (rest !== '') {
      const match = SEQUENCE.exec(rest);
      if (match) this.#obey(match[1] === '?', match[2] ?? '', match[3] ?? '');
      else this.#put(String.fromCodePoint(rest.codePointAt(0) ?? 0));
      rest = rest.slice(match ? match[0].length : (rest.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
    }
  }

  #put(character: string): void {
    if (character === '\n') return this.#down();
    if (/[\p{C}]/u.test(character)) throw new Error(`the screen got ${JSON.stringify(character)}`);
    if (this.#column >= this.columns) this.#down();
    const line = Array.from((this.lines[this.#row] ?? '').padEnd(this.#column));
    line[this.#column++] = character;
    this.lines[this.#row] = line.join('');
  }

  #down(): void {
    this.#row++;
    this.#column = 0;
    while (this.lines.length <= this.#row) this.lines.push('');
  }

  #obey(isPrivate: boolean, parameter: string, command: string): void {
    const count = Number(parameter || 1);
    const key =
      (isPrivate ? '?' : '') + (/[hlKm]/.test(command) && command !== 'm' ? parameter : '') + command;
    switch (key) {
      case 'A':
        this.#row = Math.max(this.lines.length - this.rows, this.#row - count, 0);
        return;
      case 'B':
        this.#row = Math.min(this.lines.length - 1, this.#row + count);
        return;
      case 'G':
        this.#column = count - 1;
        return;
      case 'K':
      case '0K':
        this.lines[this.#row] = Array.from(this.lines[this.#row] ?? '')
          .slice(0, this.#column)
          .join('');
        return;
      case '2K':
        this.lines[this.#row] = '';
        return;
      case '?25l':
      case '?25h':
        this.cursorIsHidden = command === 'l';
        return;
      case 'm':
      case '?2026h':
      case '?2026l':
        return;
      default:
        throw new Error(`the screen does not know ${key}`);
    }
  }
}

/** A pipe: it only gathers. */
export class Pipe implements ReporterTarget {
  readonly isTerminal = false;
  readonly columns = 80;
  text = '';

  constructor(readonly colours = false) {}

  write(text: string): void {
    this.text += text;
  }
}
