/** One of the two copies that results.json is kept in: see results-file.ts. */
import { open, rm, type FileHandle } from 'node:fs/promises';
import type { Results } from './contract.ts';
import { headText, instanceText, tailText } from './results-text.ts';

export class ResultsCopy {
  readonly #file: FileHandle;
  /** What stands before `#entriesEnd` is whole and final, whatever became of the bytes behind it. */
  #entriesEnd = 0;
  #held = 0;
  #size = 0;

  private constructor(
    /** Its name while it is not results.json. */
    readonly sparePath: string,
    file: FileHandle,
  ) {
    this.#file = file;
  }

  /** A new file, never one that is there: a killed run may have left results.json a second name here. */
  static async create(sparePath: string): Promise<ResultsCopy> {
    await rm(sparePath, { force: true });
    return new ResultsCopy(sparePath, await open(sparePath, 'wx'));
  }

  /**
   * Adds the instances that it does not hold yet, and the new tail over the old one. Where that fails half way, what
   * was written is overwritten by the next call.
   * @throws the file system's error
   */
  async bring(results: Results): Promise<void> {
    const head = this.#entriesEnd === 0 ? headText(results) : '';
    const entries = results.instances
      .slice(this.#held)
      .map((result, index) => instanceText(result, this.#held + index));
    const grown = Buffer.from(head + entries.join(''));
    const tail = Buffer.from(tailText(results));
    const entriesEnd = this.#entriesEnd + grown.length;
    const size = entriesEnd + tail.length;
    const sizeBefore = this.#size;
    this.#size = Number.POSITIVE_INFINITY;
    await this.#write(Buffer.concat([grown, tail]), this.#entriesEnd);
    if (sizeBefore > size) await this.#file.truncate(size);
    await this.#file.datasync();
    this.#entriesEnd = entriesEnd;
    this.#held = results.instances.length;
    this.#size = size;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** write(2) may take less than it was given, before it says why. */
  async #write(bytes: Buffer, at: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
  }
}
