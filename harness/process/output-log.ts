import { closeSync, openSync, writeSync } from 'node:fs';

/** The last `limitBytes` of what was printed, in pieces as it came. */
export class OutputTail {
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  #totalBytes = 0;

  constructor(readonly limitBytes: number) {}

  /** All bytes that came, kept or not. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  add(chunk: Buffer): void {
    this.#totalBytes += chunk.length;
    this.#chunks.push(chunk);
    this.#keptBytes += chunk.length;
    for (let first = this.#chunks[0]; first && this.#keptBytes > this.limitBytes; first = this.#chunks[0]) {
      const excess = this.#keptBytes - this.limitBytes;
      if (first.length > excess) {
        // A copy, so that the piece cut off is not kept alive by the view of what is left.
        this.#chunks[0] = Buffer.from(first.subarray(excess));
        this.#keptBytes -= excess;
        return;
      }
      this.#chunks.shift();
      this.#keptBytes -= first.length;
    }
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  /** The last `count` lines that are not blank. */
  lines(count: number): string[] {
    return this.text()
      .split(/\r\n|\r|\n/)
      .filter((line) => line.trim() !== '')
      .slice(-count);
  }
}

/** What the log file has been told so far. */
type LogState = 'open' | 'cut' | 'failed' | 'closed';

/**
 * Appends output to a file as it arrives. Writes are synchronous on purpose: what a killed harness has seen is on
 * disk, and nothing piles up in memory. Bounded, with a note where it was cut.
 */
export class OutputLog {
  #state: LogState = 'open';
  #writtenBytes = 0;
  #failure: Error | undefined;
  readonly #fd: number;

  /** @throws the file system's error where `path` can not be opened for appending. */
  constructor(
    readonly path: string,
    readonly limitBytes: number,
  ) {
    this.#fd = openSync(path, 'a');
  }

  /** Why writing stopped (a full disk, say); the command's output is then kept only as its tail. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  add(chunk: Buffer): void {
    if (this.#state !== 'open') return;
    const room = this.limitBytes - this.#writtenBytes;
    this.#write(chunk.subarray(0, room));
    if (chunk.length > room && this.#failure === undefined) {
      this.#write(Buffer.from(`\n[loadbase: log cut after ${this.limitBytes} bytes]\n`));
      this.#state = 'cut';
    }
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    closeSync(this.#fd);
  }

  #write(bytes: Buffer): void {
    try {
      let done = 0;
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
      this.#writtenBytes += bytes.length;
    } catch (cause) {
      this.#state = 'failed';
      this.#failure = new Error(`writing ${this.path}: ${String(cause)}`, { cause });
    }
  }
}
