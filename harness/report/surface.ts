/** Where permanent lines and, on a terminal, the live area below them are drawn. */

import { createLogUpdate } from 'log-update';
import type { ReporterTarget } from './reporter.ts';

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const DEFAULT_ROWS = 24;

export interface Surface {
  /** Lines that stay. */
  print(lines: readonly string[]): void;
  /** Draws the live area anew, where there is one. */
  redraw(): void;
  /** Takes the live area away and gives the cursor back; lines may still be printed. To be called more than once. */
  close(): void;
}

export function plainSurface(target: ReporterTarget): Surface {
  return {
    print: (lines) => writeLines(target, lines),
    redraw: () => {},
    close: () => {},
  };
}

/** @param frame gives the live area's lines, each no wider than the terminal. */
export function liveSurface(
  target: ReporterTarget,
  frame: (size: { columns: number; rows: number }) => readonly string[],
  redrawMs: number,
): Surface {
  return new LiveSurface(target, frame, redrawMs);
}

class LiveSurface implements Surface {
  readonly #area: ReturnType<typeof createLogUpdate>;
  readonly #timer: NodeJS.Timeout;
  /** An exit in the middle (a second Ctrl-C) must not leave the cursor hidden. */
  readonly #onExit = () => this.target.write(SHOW_CURSOR);
  #height = 0;
  #state: 'untouched' | 'drawn' | 'closed' = 'untouched';

  constructor(
    readonly target: ReporterTarget,
    readonly frame: (size: { columns: number; rows: number }) => readonly string[],
    redrawMs: number,
  ) {
    // log-update's own cursor handling writes to the process's standard error, whatever the stream: not used.
    this.#area = createLogUpdate(asStream(target), { showCursor: true });
    this.#timer = setInterval(() => this.redraw(), redrawMs);
    this.#timer.unref();
  }

  print(lines: readonly string[]): void {
    if (this.#state !== 'closed') this.#area.clear();
    writeLines(this.target, lines);
    this.redraw();
  }

  redraw(): void {
    if (this.#state === 'closed') return;
    const lines = this.frame({ columns: this.target.columns, rows: this.target.rows ?? DEFAULT_ROWS });
    if (lines.length === 0) {
      this.#area.clear();
      return;
    }
    this.#hideCursor();
    // log-update 7.2 patches only the lines that differ, and misplaces the rest when their number has changed.
    if (lines.length !== this.#height) this.#area.clear();
    this.#height = lines.length;
    this.#area(lines.join('\n'));
  }

  close(): void {
    if (this.#state === 'closed') return;
    clearInterval(this.#timer);
    this.#area.clear();
    if (this.#state === 'drawn') {
      this.#onExit();
      process.removeListener('exit', this.#onExit);
    }
    this.#state = 'closed';
  }

  #hideCursor(): void {
    if (this.#state !== 'untouched') return;
    this.target.write(HIDE_CURSOR);
    process.once('exit', this.#onExit);
    this.#state = 'drawn';
  }
}

/** The four members of a stream that log-update 7.2 uses. */
function asStream(target: ReporterTarget): NodeJS.WritableStream {
  const stream = {
    isTTY: true,
    get columns() {
      return target.columns;
    },
    get rows() {
      return target.rows ?? DEFAULT_ROWS;
    },
    write(text: string) {
      target.write(text);
      return true;
    },
  };
  return stream as unknown as NodeJS.WritableStream;
}

function writeLines(target: ReporterTarget, lines: readonly string[]): void {
  if (lines.length > 0) target.write(`${lines.join('\n')}\n`);
}
