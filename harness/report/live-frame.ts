/** The live area below the permanent lines of a terminal, as lines: pure, from progress and a time. */

import { formatClock, formatDuration } from './duration.ts';
import { escapeForTerminal } from './escape.ts';
import type { Palette } from './palette.ts';
import { type OpenStep, type RunProgress, type RunningInstance, remainingMs } from './run-progress.ts';
import { type Cell, type Column, columnWidths, tableLine } from './text-table.ts';
import { totalsText } from './run-summary.ts';

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const SPIN_MS = 150;
/** The rest of the screen belongs to lines that stay. */
const AREA_SHARE = 0.5;
const COLUMNS: readonly Column[] = [
  { align: 'left' },
  { align: 'left', shrinksTo: 16 },
  { align: 'left', shrinksTo: 12 },
  { align: 'left' },
];

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

/** At most half of the screen; each line fits its width. Empty where nothing goes on. */
export function liveFrame(progress: RunProgress, nowMs: number, size: FrameSize, colours: Palette): string[] {
  const rows = [
    ...progress.steps.map((step) => stepRow(step, nowMs, colours)),
    ...progress.running.map((running) => runningRow(running, nowMs, colours)),
  ];
  const room = Math.max(1, Math.floor(size.rows * AREA_SHARE) - 3);
  const shown = rows.slice(0, room);
  const widths = columnWidths([...shown, widestName(progress)], COLUMNS, size.columns - 1);
  const area = [
    ...shown.map((row) => tableLine(row, COLUMNS, widths)),
    ...(rows.length > room ? [colours.dim(`  … and ${rows.length - room} more`)] : []),
    ...progressLine(progress, nowMs, size.columns),
  ];
  return area.length === 0 ? [] : ['', ...area];
}

/** A row that is only measured, so that columns stay where they are while instances come and go. */
function widestName({ run }: RunProgress): Cell[] {
  return [{ text: '' }, { text: ' '.repeat(run?.widestName ?? 0) }];
}

function stepRow({ task, step, startedMs, typicalMs }: OpenStep, nowMs: number, colours: Palette): Cell[] {
  return [
    { text: spinner(nowMs), paint: colours.cyan },
    { text: escapeForTerminal(task), paint: colours.bold },
    { text: escapeForTerminal(step) },
    { text: elapsed(nowMs - startedMs, typicalMs), paint: colours.dim },
  ];
}

function runningRow(
  { instance, phase, startedMs, typicalMs }: RunningInstance,
  nowMs: number,
  colours: Palette,
): Cell[] {
  return [
    { text: spinner(nowMs), paint: colours.cyan },
    { text: escapeForTerminal(instance.name) },
    { text: escapeForTerminal(phase) },
    { text: elapsed(nowMs - startedMs, typicalMs), paint: colours.dim },
  ];
}

function elapsed(elapsedMs: number, typicalMs: number | undefined): string {
  const soFar = elapsedMs < 60_000 ? `${Math.floor(elapsedMs / 1000)} s` : formatClock(elapsedMs);
  if (typicalMs === undefined) return soFar;
  const typical = formatDuration(typicalMs);
  return elapsedMs <= typicalMs ? `${soFar} of about ${typical}` : `${soFar}, usually ${typical}`;
}

/** `12/34 · 11 pass · 1 fail · 0:21 elapsed · about 0:19 left`, shorter where the terminal is narrow. */
function progressLine(progress: RunProgress, nowMs: number, columns: number): string[] {
  if (progress.run === undefined) return [];
  const { started, startedMs } = progress.run;
  const left = remainingMs(progress, nowMs);
  const parts = [
    `${progress.ended.length}/${started.instances.length}`,
    ...totalsText(progress.totals),
    `${formatClock(nowMs - startedMs)} elapsed`,
    ...(left === undefined || left < 500 ? [] : [`about ${formatClock(Math.ceil(left / 1000) * 1000)} left`]),
  ];
  while (parts.length > 1 && parts.join(' · ').length >= columns) parts.pop();
  return [parts.join(' · ')];
}

function spinner(nowMs: number): string {
  return SPINNER[Math.floor(nowMs / SPIN_MS) % SPINNER.length] ?? '·';
}
