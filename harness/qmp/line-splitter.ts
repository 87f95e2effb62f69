/** A line is longer than the peer can mean. */
export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
  constructor(
    readonly limitBytes: number,
    readonly start: string,
  ) {
    super(`a line is longer than ${limitBytes} bytes`);
  }
}

const LINE_FEED = 0x0a;
const START_BYTES = 80;

/** Cuts a byte stream into lines; a line, and a UTF-8 character in it, may come in any number of pieces. */
export class LineSplitter {
  readonly #pieces: Buffer[] = [];
  #heldBytes = 0;

  constructor(readonly limitBytes: number) {}

  /** The start of the line that is not complete yet; empty where there is none. */
  get unfinished(): string {
    return Buffer.concat(this.#pieces).toString('utf8', 0, START_BYTES);
  }

  /** The lines `chunk` completes, without their ends (LF or CR LF). @throws LineTooLongError */
  feed(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      this.#hold(chunk.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
    return lines;
  }

  #hold(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes > this.limitBytes) throw new LineTooLongError(this.limitBytes, this.unfinished);
  }

  #take(): string {
    this.#heldBytes = 0;
    return Buffer.concat(this.#pieces.splice(0)).toString('utf8').replace(/\r$/, '');
  }
}
