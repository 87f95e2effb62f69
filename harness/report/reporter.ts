import type { RunEvent } from '../scenario/contract.ts';

/** Turns what a run says into text, for a person or for a machine. */
export interface Reporter {
  /** Never throws because of the target: a report that cannot be written does not end a run. */
  onEvent(event: RunEvent): void;
  /**
   * Writes what is still held and lets go of the terminal or the file. To be called once, also after a failure.
   * @throws ReporterFileError where the report could not be written whole.
   */
  end(): Promise<void>;
}

/** Where a report goes; `columns` and `rows` may be getters, so that a resized terminal is followed. */
export interface ReporterTarget {
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
  /** 24 where absent. */
  readonly rows?: number;
  readonly colours: boolean;
}

export interface ReporterOptions {
  /** Paths below this folder are shown relative to it; without it as they are. */
  readonly cwd?: string;
  /** Milliseconds from any fixed point. Default: `performance.now`. */
  readonly now?: () => number;
  /** How often a terminal's live area is drawn anew. Default 150. */
  readonly redrawMs?: number;
}
