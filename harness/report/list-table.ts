import { guestLine } from './escape.ts';
import { NAME_MAX, REASON_MAX } from './limits.ts';
import { palette } from './palette.ts';
import type { ReporterTarget } from './reporter.ts';
import { type Column, columnWidths, tableLine, textWidth, wrapWords } from './text-table.ts';

export interface InstanceListRow {
  readonly name: string;
  /** The expectation in words. */
  readonly expected: string;
  /** The load base asked for, or a word for it (`any`, `highest`). */
  readonly base: string;
}

const COLUMNS: readonly Column[] = [{ align: 'left', shrinksTo: 20 }, { align: 'left' }];
/** What is left for the expectation; where there is less, it stands on lines of its own. */
const MIN_EXPECTED_WIDTH = 20;
const INDENT = '    ';

/**
 * The text of `loadbase list`, with its last line end: aligned columns on a terminal; elsewhere one line an instance,
 * `name TAB base TAB expected`, so that `cut -f1` gives names.
 */
export function formatInstanceList(
  rows: readonly InstanceListRow[],
  target: Pick<ReporterTarget, 'isTerminal' | 'columns' | 'colours'>,
): string {
  const safe = rows.map(({ name, base, expected }) => ({
    name: guestLine(name, NAME_MAX),
    base: guestLine(base, NAME_MAX),
    expected: guestLine(expected, REASON_MAX),
  }));
  const lines = target.isTerminal
    ? terminalLines(safe, target)
    : safe.map(({ name, base, expected }) => `${name}\t${base}\t${expected}`);
  return lines.map((line) => `${line}\n`).join('');
}

function terminalLines(
  rows: readonly InstanceListRow[],
  { columns, colours }: Pick<ReporterTarget, 'columns' | 'colours'>,
): string[] {
  const paint = palette(colours);
  const cellsOf = ({ name, base }: InstanceListRow) => [{ text: name }, { text: base, paint: paint.cyan }];
  const widths = columnWidths(rows.map(cellsOf), COLUMNS, columns);
  const left = widths.reduce((sum, width) => sum + width + 2, 0);
  const room = columns - left;
  return rows.flatMap((row) => {
    const start = tableLine(cellsOf(row), COLUMNS, widths);
    if (room < MIN_EXPECTED_WIDTH)
      return [
        start,
        ...wrapWords(row.expected, columns - INDENT.length).map((line) => INDENT + paint.dim(line)),
      ];
    const blanks = ' '.repeat(
      left -
        textWidth(
          tableLine(
            cellsOf(row).map(({ text }) => ({ text })),
            COLUMNS,
            widths,
          ),
        ),
    );
    const [first = '', ...rest] = wrapWords(row.expected, room);
    return [
      `${start}${blanks}${paint.dim(first)}`,
      ...rest.map((line) => ' '.repeat(left) + paint.dim(line)),
    ];
  });
}
