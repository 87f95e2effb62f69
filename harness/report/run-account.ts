/** What a run came to, at its end: every instance's row, or, of a huge run, counts and what did not pass. Pure. */

import { join } from 'node:path';
import { totalsOf } from '../scenario/contract.ts';
import type { Instance, InstanceResult, Verdict } from '../scenario/contract.ts';
import { formatDuration } from './duration.ts';
import { escapeForTerminal, guestLine } from './escape.ts';
import { NAME_MAX, REASON_MAX } from './limits.ts';
import { VERDICT_SIGN, verdictPaint } from './palette.ts';
import { problemBlock } from './problem-block.ts';
import type { RunEnded, RunStarted } from './run-progress.ts';
import { VERDICT_ORDER, summaryLine } from './run-summary.ts';
import { type Cell, type Column, columnWidths, tableLine, wrapWords } from './text-table.ts';
import { type TableStyle, isProblem, sortedResults, verdictTable } from './verdict-table.ts';

/** More instances than this are a huge run: nobody reads as many rows twice. */
export const HUGE_RUN = 300;
/** Of a huge run; all are in results.json. */
const ROWS_MAX = 200;
const BLOCKS_MAX = 20;
const REMARKS_MAX = 10;

/** @param folder where results.json is, as it should be shown. */
export function accountLines(
  event: RunEnded,
  started: RunStarted | undefined,
  folder: string,
  style: TableStyle,
): string[] {
  const plan = started?.instances ?? [];
  const results = sortedResults(event.results.instances, plan);
  const problems = results.filter(isProblem);
  const isHuge = isHugeRun(plan);
  const shown = isHuge ? mostDifferent(problems, BLOCKS_MAX) : problems;
  const hidden = problems.length - shown.length;
  return [
    ...(results.length > 0 ? ['', ...(isHuge ? hugeTable : verdictTable)(results, plan, style)] : []),
    ...shown.flatMap((result) => ['', ...problemBlock(result, folder, style)]),
    ...(hidden > 0 ? ['', `… and ${hidden} more that did not pass: each is in results.json`] : []),
    '',
    ...wrapWords(summaryLine(event, started), style.width).map((line) => style.colours.bold(line)),
    ...(started ? [`results: ${escapeForTerminal(join(folder, 'results.json'))}`] : []),
  ];
}

export function isHugeRun(plan: readonly unknown[]): boolean {
  return plan.length > HUGE_RUN;
}

/** Counts by scenario and firmware, what a person should hear of, and the rows of what did not pass. */
function hugeTable(
  results: readonly InstanceResult[],
  plan: readonly Pick<Instance, 'scenario'>[],
  style: TableStyle,
): string[] {
  const problems = results.filter(isProblem);
  const more = problems.length - ROWS_MAX;
  return [
    ...countLines(results, style),
    ...remarkLines(results, style),
    ...(problems.length > 0 ? ['', ...verdictTable(problems.slice(0, ROWS_MAX), plan, style)] : []),
    ...(more > 0 ? [`… and ${more} more`] : []),
  ];
}

function countLines(results: readonly InstanceResult[], style: TableStyle): string[] {
  const totals = totalsOf(results);
  const verdicts = VERDICT_ORDER.filter((verdict) => totals[verdict] > 0);
  const kinds = grouped(results, ({ scenario, firmware }) => `${scenario}~${firmware}`);
  const heading = ['scenario and firmware', ...verdicts, 'time each'].map((text) => ({
    text,
    paint: style.colours.dim,
  }));
  const rows = [heading, ...[...kinds].map(([kind, members]) => countCells(kind, members, verdicts, style))];
  const columns: Column[] = heading.map((_, index) =>
    index === 0 ? { align: 'left', shrinksTo: 16 } : { align: 'right' },
  );
  const widths = columnWidths(rows, columns, style.width);
  return rows.map((row) => tableLine(row, columns, widths));
}

function countCells(
  kind: string,
  members: readonly InstanceResult[],
  verdicts: readonly Verdict[],
  { colours }: TableStyle,
): Cell[] {
  const totals = totalsOf(members);
  const booted = members.filter(({ durationMs }) => durationMs > 0);
  const meanMs = booted.reduce((sum, { durationMs }) => sum + durationMs, 0) / Math.max(1, booted.length);
  return [
    { text: guestLine(kind, NAME_MAX) },
    ...verdicts.map((verdict) => ({
      text: totals[verdict] === 0 ? '' : String(totals[verdict]),
      paint: verdictPaint(verdict, colours),
    })),
    { text: booted.length === 0 ? '' : formatDuration(meanMs), paint: colours.dim },
  ];
}

/** Why some were skipped, and what is known of some that passed, once a text. */
function remarkLines(results: readonly InstanceResult[], style: TableStyle): string[] {
  const told = results.flatMap(({ verdict, reason, note }) => {
    const text = verdict === 'skip' ? reason : verdict === 'pass' ? note : undefined;
    return text === undefined ? [] : [`${verdict} ${guestLine(text, REASON_MAX)}`];
  });
  const remarks = [...grouped(told, (text) => text)];
  const more = remarks.length - REMARKS_MAX;
  const lines = remarks.slice(0, REMARKS_MAX).map(([text, members]) => {
    const verdict = text.startsWith('skip') ? 'skip' : 'pass';
    return `${VERDICT_SIGN[verdict]} ${members.length} ${verdict}: ${text.slice(verdict.length + 1)}`;
  });
  if (more > 0) lines.push(`… and ${more} more remarks`);
  if (lines.length === 0) return [];
  return ['', ...lines.flatMap((line) => wrapWords(line, style.width)).map(style.colours.dim)];
}

/** Not the first so many of one kind: the first of each scenario, firmware and verdict, then the second … */
function mostDifferent(problems: readonly InstanceResult[], max: number): InstanceResult[] {
  const kinds = grouped(
    problems,
    ({ scenario, firmware, verdict }) => `${scenario}~${firmware} ${verdict}`,
  ).values();
  const ranked = [...kinds].flatMap((members) => members.map((result, rank) => ({ result, rank })));
  const chosen = new Set(
    ranked
      .sort((one, other) => one.rank - other.rank)
      .slice(0, max)
      .map(({ result }) => result),
  );
  return problems.filter((result) => chosen.has(result));
}

/** (Node 20 has no Map.groupBy.) */
function grouped<T>(members: readonly T[], keyOf: (member: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const member of members) {
    const group = groups.get(keyOf(member));
    if (group) group.push(member);
    else groups.set(keyOf(member), [member]);
  }
  return groups;
}
