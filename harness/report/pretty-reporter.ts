/** For a person: live on a terminal, plain lines elsewhere, and the same account at the end on both. */

import { isAbsolute, relative } from 'node:path';
import type { InstanceResult, RunEvent } from '../scenario/contract.ts';
import { formatDuration } from './duration.ts';
import { escapeForTerminal, guestLine } from './escape.ts';
import { NAME_MAX, REASON_MAX } from './limits.ts';
import { liveFrame } from './live-frame.ts';
import { palette } from './palette.ts';
import type { Reporter, ReporterOptions, ReporterTarget } from './reporter.ts';
import { accountLines, isHugeRun } from './run-account.ts';
import { NO_PROGRESS, type RunProgress, type RunStarted, observe } from './run-progress.ts';
import { acceleratorNames, countText } from './run-summary.ts';
import { type Surface, liveSurface, plainSurface } from './surface.ts';
import { type TableStyle, VerdictTable, isProblem } from './verdict-table.ts';

const REDRAW_MS = 150;

export class PrettyReporter implements Reporter {
  readonly #surface: Surface;
  readonly #now: () => number;
  #progress: RunProgress = NO_PROGRESS;
  #table: VerdictTable | undefined;

  constructor(
    readonly target: ReporterTarget,
    readonly options: ReporterOptions = {},
  ) {
    this.#now = options.now ?? (() => performance.now());
    const colours = palette(target.colours);
    this.#surface = target.isTerminal
      ? liveSurface(
          target,
          (size) => liveFrame(this.#progress, this.#now(), size, colours),
          options.redrawMs ?? REDRAW_MS,
        )
      : plainSurface(target);
  }

  onEvent(event: RunEvent): void {
    this.#progress = observe(this.#progress, event, this.#now());
    if (event.kind === 'run-ended') this.#surface.close();
    const lines = this.#linesOf(event);
    if (lines.length > 0) this.#surface.print(lines);
    else if (!isEarlier(event)) this.#surface.redraw();
  }

  async end(): Promise<void> {
    this.#surface.close();
  }

  #linesOf(event: RunEvent): string[] {
    switch (event.kind) {
      case 'preparing':
        return this.target.isTerminal ? [] : [preparingLine(event)];
      case 'prepared':
        return this.target.isTerminal ? [this.#preparedLine(event)] : [];
      case 'notice':
        return event.text.split(/\r?\n/).map((line) => `note: ${guestLine(line, REASON_MAX)}`);
      case 'run-started':
        this.#table = new VerdictTable(event.instances, this.#style());
        return ['', ...headlines(event, this.#folder()), '', this.#counter('') + this.#table.headings()];
      case 'instance-ended':
        // Of those that ended before the run was resumed the headline and the account at the end speak.
        return event.isEarlier ? [] : this.#verdictLines(event.result, String(this.#progress.ended.length));
      case 'flake-found':
        return event.isEarlier ? [] : this.#verdictLines(event.result, '');
      case 'run-ended':
        return accountLines(event, this.#progress.run?.started, this.#folder(), this.#style());
      case 'instance-started':
      case 'instance-phase':
        return [];
    }
  }

  #preparedLine({ task, step, elapsedMs }: Extract<RunEvent, { kind: 'prepared' }>): string {
    const { green, bold, dim } = this.#style().colours;
    const what = `${bold(escapeForTerminal(task))}: ${escapeForTerminal(step)}`;
    return `${green('✓')} ${what}  ${dim(formatDuration(elapsedMs))}`;
  }

  /** Of a huge run one line an instance, where nothing is wrong with it: notes are gathered in the account. */
  #verdictLines(result: InstanceResult, ended: string): string[] {
    const table = this.#table ?? new VerdictTable([result], this.#style());
    const [row = '', ...notes] = table.row(result);
    const counter = this.#counter(ended);
    const isTold = isProblem(result) || !isHugeRun(this.#progress.run?.started.instances ?? []);
    return [counter + row, ...(isTold ? notes : []).map((note) => ' '.repeat(counter.length) + note)];
  }

  /** Off a terminal there is no progress line, so each line counts: ` 3/34  `. */
  #counter(ended: string): string {
    if (this.target.isTerminal) return '';
    const planned = String(this.#progress.run?.started.instances.length ?? 0);
    if (ended === '') return ' '.repeat(planned.length * 2 + 3);
    return `${ended.padStart(planned.length)}/${planned}  `;
  }

  #style(): TableStyle {
    const { isTerminal, columns, colours } = this.target;
    return { colours: palette(colours), width: isTerminal ? columns : Number.POSITIVE_INFINITY };
  }

  /** The run's folder as a reader would type it. */
  #folder(): string {
    const out = this.#progress.run?.started.outDirectory ?? '';
    const { cwd } = this.options;
    if (cwd === undefined || !isAbsolute(out)) return out;
    const near = relative(cwd, out);
    return near.startsWith('..') || near === '' ? out : near;
  }
}

function preparingLine({ task, step, typicalMs }: Extract<RunEvent, { kind: 'preparing' }>): string {
  const usual = typicalMs === undefined ? '' : ` (usually ${formatDuration(typicalMs)})`;
  return `preparing ${escapeForTerminal(task)}: ${escapeForTerminal(step)}${usual}`;
}

/** Thousands of them come at once. */
function isEarlier(event: RunEvent): boolean {
  return (event.kind === 'instance-ended' || event.kind === 'flake-found') && event.isEarlier === true;
}

function headlines({ instances, jobs, accelerators, runId, earlier }: RunStarted, folder: string): string[] {
  const on = acceleratorNames(accelerators);
  const facts = [
    `run ${guestLine(runId, NAME_MAX)}: ${countText(instances.length)}`,
    jobs > 1 ? `${jobs} at a time` : 'one at a time',
    ...(on.length > 0 ? [`on ${on.join(', ')}`] : []),
  ];
  const resumed = earlier === undefined ? [] : [`resumed: ${earlier} of ${instances.length} were there`];
  return [facts.join(', '), ...resumed, `kept in ${escapeForTerminal(folder)}`];
}
