/** Lines of a report: escaped, wrapped and, where it is wanted, coloured. */
import { bound, escapeForTerminal } from '../report/escape.ts';
import { palette, type Paint, type Palette } from '../report/palette.ts';
import type { ReporterTarget } from '../report/reporter.ts';
import { wrapWords } from '../report/text-table.ts';

/** Wider lines are hard to read, narrower ones hold no code. */
const [MIN_COLUMNS, MAX_COLUMNS] = [80, 100];
/** What an image names, or a guest says, may be of any length. */
const LINE_MAX = 400;
/** Two paths of 4 KiB. */
const COMMAND_MAX = 10_000;

export class Page {
  readonly lines: string[] = [];
  readonly colours: Palette;
  readonly #columns: number;
  readonly #indent: string;

  /** @param indent stands before each line */
  constructor({ colours, columns, isTerminal }: ReporterTarget, indent = '') {
    this.colours = palette(colours);
    const wide = isTerminal ? Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, columns)) : MAX_COLUMNS;
    this.#columns = wide - indent.length;
    this.#indent = indent;
  }

  /** @param lead stands before the first of its lines; the others are indented as far. */
  say(
    text: string,
    { lead = '', paint = (plain: string) => plain }: { lead?: string; paint?: Paint } = {},
  ): void {
    const lines = wrapWords(escapeForTerminal(bound(text, LINE_MAX)), this.#columns - lead.length);
    lines.forEach((line, index) =>
      this.#add(`${index === 0 ? lead : ' '.repeat(lead.length)}${paint(line)}`.trimEnd()),
    );
  }

  /** One line as long as it is: for a shell. */
  command(text: string, lead: string): void {
    this.#add(`${lead}${this.colours.cyan(escapeForTerminal(bound(text, COMMAND_MAX)))}`);
  }

  /** One line, cut where it is too long: code. */
  code(text: string, paint: Paint = (plain) => plain): void {
    this.#add(paint(bound(escapeForTerminal(text), this.#columns)));
  }

  gap(): void {
    if (this.lines.at(-1) !== '') this.lines.push('');
  }

  #add(line: string): void {
    this.lines.push(`${this.#indent}${line}`);
  }
}
