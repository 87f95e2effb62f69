/** Verdicts as rows: one instance a line, the same columns while the run goes on and at its end. */

import type { Instance, InstanceResult } from '../scenario/contract.ts';
import { formatDuration } from './duration.ts';
import { escapeForTerminal, guestLine } from './escape.ts';
import { NAME_MAX, REASON_MAX } from './limits.ts';
import { type Palette, VERDICT_SIGN, verdictPaint } from './palette.ts';
import { type Cell, type Column, columnWidths, tableLine, wrapWords } from './text-table.ts';

const HEADINGS = ['verdict', 'instance', 'load base', 'witnesses', 'time'] as const;
const VERDICT_WIDTH = 7;
const BASE_WIDTH = 10;
const TIME_WIDTH = 11;
const COLUMNS: readonly Column[] = [
  { align: 'left' },
  { align: 'left', shrinksTo: 20 },
  { align: 'left' },
  { align: 'left' },
  { align: 'right' },
];
const NOTE_INDENT = ' '.repeat(VERDICT_WIDTH + 2);

export interface TableStyle {
  readonly colours: Palette;
  /** Characters a line may have; infinite off a terminal. */
  readonly width: number;
}

export class VerdictTable {
  readonly #widths: readonly number[];

  /** @param instances all that may be shown, so that rows line up before all are known. */
  constructor(
    instances: readonly Pick<Instance, 'name'>[],
    readonly style: TableStyle,
  ) {
    const blank = (width: number) => ({ text: ' '.repeat(width) });
    const rows = instances.map(({ name }) => [
      blank(VERDICT_WIDTH),
      { text: guestLine(name, NAME_MAX) },
      blank(BASE_WIDTH),
      blank(HEADINGS[3].length),
      blank(TIME_WIDTH),
    ]);
    const headings = HEADINGS.map((text) => ({ text }));
    this.#widths = columnWidths([headings, ...rows], COLUMNS, style.width);
  }

  headings(): string {
    const cells = HEADINGS.map((text) => ({ text, paint: this.style.colours.dim }));
    return tableLine(cells, COLUMNS, this.#widths);
  }

  /** The row, and below it a note where the verdict alone would mislead. */
  row(result: InstanceResult): string[] {
    const cells = rowCells(result, this.style.colours);
    const note = noteOf(result);
    const lines = note === undefined ? [] : wrapWords(note, this.style.width - NOTE_INDENT.length);
    return [
      tableLine(cells, COLUMNS, this.#widths),
      ...lines.map((line) => NOTE_INDENT + this.style.colours.dim(line)),
    ];
  }
}

/**
 * By scenario (in the plan's order), firmware (BIOS first), base, name. What failed has its reason not here but in the
 * blocks below the table.
 */
export function verdictTable(
  results: readonly InstanceResult[],
  plan: readonly Pick<Instance, 'scenario'>[],
  style: TableStyle,
): string[] {
  const table = new VerdictTable(results, style);
  return [
    table.headings(),
    ...sortedResults(results, plan).flatMap((result) =>
      isProblem(result) ? table.row(result).slice(0, 1) : table.row(result),
    ),
  ];
}

export function sortedResults(
  results: readonly InstanceResult[],
  plan: readonly Pick<Instance, 'scenario'>[],
): InstanceResult[] {
  const order = [...new Set([...plan, ...results].map(({ scenario }) => scenario))];
  const rank = new Map(order.map((scenario, index) => [scenario, index]));
  const rankOf = ({ scenario }: InstanceResult) => rank.get(scenario) ?? order.length;
  const baseOf = ({ base }: InstanceResult) => (base === null ? -1 : Number(base));
  return [...results].sort(
    (one, other) =>
      rankOf(one) - rankOf(other) ||
      compareText(one.firmware, other.firmware) ||
      baseOf(one) - baseOf(other) ||
      compareText(one.name, other.name),
  );
}

export function isProblem({ verdict }: Pick<InstanceResult, 'verdict'>): boolean {
  return verdict !== 'pass' && verdict !== 'skip';
}

function isBoot({ verdict }: InstanceResult): boolean {
  return verdict !== 'skip' && verdict !== 'flaky';
}

/** `4 of 7`, or nothing where no witness was heard. */
export function witnessText({ checkpoints }: Pick<InstanceResult, 'checkpoints'>): string {
  if (checkpoints.length === 0) return '';
  return `${checkpoints.filter(({ ok }) => ok).length} of ${checkpoints.length}`;
}

function rowCells(result: InstanceResult, colours: Palette): Cell[] {
  const paint = verdictPaint(result.verdict, colours);
  return [
    { text: `${VERDICT_SIGN[result.verdict]} ${result.verdict}`, paint },
    { text: guestLine(result.name, NAME_MAX) },
    { text: escapeForTerminal(result.loadBaseAddress ?? '-') },
    { text: witnessText(result) },
    { text: isBoot(result) ? formatDuration(result.durationMs) : '', paint: colours.dim },
  ];
}

/** A pass that is not a boot, or rests on fewer checkpoints, says so; a skip and everything bad says why. */
function noteOf({ verdict, expected, reason, note, notPossible }: InstanceResult): string | undefined {
  if (verdict !== 'pass') return guestLine(reason, REASON_MAX);
  const notes = [
    ...(note === undefined ? [] : [guestLine(note, REASON_MAX)]),
    ...(note !== undefined || /^(boots?|GRUB places it)\b/i.test(expected)
      ? []
      : [`as expected: ${guestLine(expected, REASON_MAX)}`]),
    ...(notPossible.length === 0 ? [] : [`not possible: ${guestLine(notPossible.join('; '), REASON_MAX)}`]),
  ];
  return notes.length === 0 ? undefined : notes.join('; ');
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
