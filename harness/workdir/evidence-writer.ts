import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { writeError } from './folder-errors.ts';

export interface EvidenceLimits {
  /** What is written at most, the note of the cut apart. Default 8 MiB. */
  readonly maxBytes?: number;
}

/** A guest's console comes character by character, and each write costs a system call and another thread's turn. */
const COLLECT_MS = 20;

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

/** `cut`: more came than is kept; the rest is counted, not written. */
type WriterState = 'open' | 'cut' | 'failed' | 'closed';

/**
 * One file of evidence: appended to as it arrives, bounded, with a note where it was cut. Writing never waits and
 * never throws, as it happens in the middle of other things; what went wrong is told by {@link close}.
 * At most `maxBytes` can wait in memory for a slow disk.
 */
export class EvidenceWriter implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #maxBytes: number;
  #waiting: Buffer[] = [];
  #draining: Promise<void> | undefined;
  readonly #closed = withResolvers();
  #state: WriterState = 'open';
  #acceptedBytes = 0;
  #offeredBytes = 0;
  #failure: Error | undefined;

  private constructor(
    readonly path: string,
    file: FileHandle,
    maxBytes: number,
  ) {
    this.#file = file;
    this.#maxBytes = maxBytes;
  }

  /** Opens `path` for appending. @throws UnwritableFolderError, NoSpaceError */
  static async open(
    path: string,
    { maxBytes = DEFAULT_MAX_BYTES }: EvidenceLimits = {},
  ): Promise<EvidenceWriter> {
    try {
      return new EvidenceWriter(path, await open(path, 'a'), maxBytes);
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  get state(): WriterState {
    return this.#state;
  }

  /** All that was offered, written or not. */
  get offeredBytes(): number {
    return this.#offeredBytes;
  }

  /** Takes a copy of `data`; what comes after a cut, a failure or the close is only counted. */
  write(data: string | Uint8Array): void {
    const bytes = Buffer.from(data);
    this.#offeredBytes += bytes.length;
    if (this.#state !== 'open') return;
    const kept = bytes.subarray(0, this.#maxBytes - this.#acceptedBytes);
    this.#accept(kept);
    if (kept.length === bytes.length) return;
    this.#state = 'cut';
    this.#accept(Buffer.from(`\n[loadbase: cut after ${this.#maxBytes} bytes]\n`));
  }

  /**
   * Waits until all is written, and closes the file. Closing twice is no error.
   * @throws NoSpaceError, UnwritableFolderError or the file system's error, if any write failed.
   */
  async close(): Promise<void> {
    const first = this.#state !== 'closed';
    this.#state = 'closed';
    this.#closed.resolve();
    await this.#draining;
    if (first) await this.#file.close();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(bytes: Buffer): void {
    this.#acceptedBytes += bytes.length;
    this.#waiting.push(bytes);
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        await Promise.race([setTimeout(COLLECT_MS, undefined, { ref: false }), this.#closed.promise]);
        await this.#file.appendFile(Buffer.concat(this.#waiting.splice(0)));
      }
    } catch (cause) {
      this.#failure = writeError(this.path, cause);
      this.#waiting = [];
      if (this.#state !== 'closed') this.#state = 'failed';
    } finally {
      this.#draining = undefined;
    }
  }
}

/** Node 20 has no Promise.withResolvers. */
function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
