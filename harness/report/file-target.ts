import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ReporterName } from './reporter-spec.ts';
import type { ReporterTarget } from './reporter.ts';

export class ReporterFileError extends Error {
  override readonly name = 'ReporterFileError';
  constructor(
    readonly reporter: ReporterName,
    readonly file: string,
    cause: unknown,
  ) {
    super(
      `the ${reporter} report cannot be written to ${file}: ${cause instanceof Error ? cause.message : String(cause)}; ` +
        `give a path in a folder you may write to`,
      { cause },
    );
  }
}

type FileState =
  | { readonly kind: 'open'; readonly descriptor: number }
  | { readonly kind: 'failed'; readonly error: ReporterFileError }
  | { readonly kind: 'closed' };

/** A file as the target of a report. A write that fails is kept for `close`, so that it does not end the run. */
export class FileTarget implements ReporterTarget {
  readonly isTerminal = false;
  readonly columns = Number.POSITIVE_INFINITY;
  readonly colours = false;
  #state: FileState;

  /**
   * Makes the parent folder and opens the file at once: better to hear of a wrong path before the run than after it.
   * @throws ReporterFileError
   */
  constructor(
    readonly reporter: ReporterName,
    readonly file: string,
  ) {
    try {
      mkdirSync(dirname(file), { recursive: true });
      this.#state = { kind: 'open', descriptor: openSync(file, 'w') };
    } catch (cause) {
      throw new ReporterFileError(reporter, file, cause);
    }
  }

  write(text: string): void {
    if (this.#state.kind !== 'open') return;
    const { descriptor } = this.#state;
    const bytes = Buffer.from(text);
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
    } catch (cause) {
      this.#state = { kind: 'failed', error: new ReporterFileError(this.reporter, this.file, cause) };
      closeSync(descriptor);
    }
  }

  /** @throws ReporterFileError where a write failed. */
  close(): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'open') closeSync(state.descriptor);
    if (state.kind === 'failed') throw state.error;
  }
}
