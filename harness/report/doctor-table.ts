import type { DoctorNeed, DoctorReport, DoctorState } from '../scenario/doctor-report.ts';
import { guestLine } from './escape.ts';
import { DETAIL_MAX, NAME_MAX } from './limits.ts';
import { type Paint, type Palette, palette } from './palette.ts';
import type { ReporterTarget } from './reporter.ts';
import { type Cell, type Column, columnWidths, tableLine, wrapWords } from './text-table.ts';

const COLUMNS: readonly Column[] = [
  { align: 'left' },
  { align: 'left', shrinksTo: 12 },
  { align: 'left' },
  { align: 'left', shrinksTo: 12 },
  { align: 'left', shrinksTo: 12 },
];
const DETAIL_INDENT = '    ';

/** The text of `loadbase doctor`, with its last line end: every need, then what to do next. */
export function formatDoctor(
  report: DoctorReport,
  target: Pick<ReporterTarget, 'isTerminal' | 'columns' | 'colours'>,
): string {
  const colours = palette(target.colours);
  const width = target.isTerminal ? target.columns : Number.POSITIVE_INFINITY;
  const rows = report.needs.map((need) => needCells(need, colours));
  const widths = columnWidths(rows, COLUMNS, width);
  const lines = report.needs.flatMap((need, index) => [
    tableLine(rows[index] ?? [], COLUMNS, widths),
    ...detailLines(need, width, colours),
  ]);
  return [...lines, '', ...closingLines(report, colours)].map((line) => `${line}\n`).join('');
}

function needCells({ name, state, found, needed }: DoctorNeed, colours: Palette): Cell[] {
  const { sign, word, paint } = appearance(state, colours);
  return [
    { text: sign, paint },
    { text: guestLine(name, NAME_MAX) },
    { text: word, paint },
    { text: guestLine(found ?? '', NAME_MAX) },
    { text: needed === undefined ? '' : `needed: ${guestLine(needed, NAME_MAX)}`, paint: colours.dim },
  ];
}

function detailLines({ detail }: DoctorNeed, width: number, colours: Palette): string[] {
  if (detail === undefined) return [];
  const lines = wrapWords(guestLine(detail, DETAIL_MAX), width - DETAIL_INDENT.length);
  return lines.map((line) => DETAIL_INDENT + colours.dim(line));
}

/** The next action is not wrapped: it is there to be copied. */
function closingLines({ needs, nextAction }: DoctorReport, colours: Palette): string[] {
  const unmet = needs.filter(({ state }) => state !== 'ok' && state !== 'optional-missing');
  const verdict =
    unmet.length === 0
      ? colours.green('Everything needed is there.')
      : colours.red(`${unmet.length} of ${needs.length} needs ${unmet.length === 1 ? 'is' : 'are'} not met.`);
  if (nextAction === undefined) return [verdict];
  return [verdict, `Next: ${colours.bold(guestLine(nextAction, DETAIL_MAX * 4))}`];
}

function appearance(state: DoctorState, colours: Palette): { sign: string; word: string; paint: Paint } {
  switch (state) {
    case 'ok':
      return { sign: '✓', word: 'ok', paint: colours.green };
    case 'missing':
      return { sign: '✗', word: 'missing', paint: colours.red };
    case 'too-old':
      return { sign: '✗', word: 'too old', paint: colours.red };
    case 'broken':
      return { sign: '✗', word: 'broken', paint: colours.red };
    case 'optional-missing':
      return { sign: '-', word: 'missing, optional', paint: colours.yellow };
  }
}
