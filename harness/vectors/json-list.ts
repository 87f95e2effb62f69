/**
 * The elements of a JSON list, one after the other: a file of any length needs memory for one element. Structure is looked
 * for in bytes (RFC 8259: brackets, quotes and backslashes are ASCII, and no other character's UTF-8 holds their codes).
 */

/** The file holds no JSON list; the message says where. */
export class VectorFileError extends Error {
  override readonly name = 'VectorFileError';
}

const MAX_ELEMENT_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 64;
const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE] = [...'"\\,[]'].map((c) => c.charCodeAt(0)) as [
  number,
  number,
  number,
  number,
  number,
];
const [OPEN_BRACE, CLOSE_BRACE] = [0x7b, 0x7d];
/** The byte order mark counts as one. */
const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
const SHOWN_BYTES = 30;

type State = 'before' | 'inside' | 'after';

/**
 * @param what names the file in errors
 * @throws VectorFileError; whatever `source` throws
 */
export async function* jsonList(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  what: string,
): AsyncGenerator<unknown, void, void> {
  const scanner = new Scanner(what);
  for await (const chunk of source) yield* scanner.take(chunk);
  scanner.end();
}

class Scanner {
  readonly #what: string;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #state: State = 'before';
  /** Of the element under way. */
  #parts: Uint8Array[] = [];
  #length = 0;
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #count = 0;

  constructor(what: string) {
    this.#what = what;
  }

  *take(chunk: Uint8Array): Generator<unknown, void, void> {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#state !== 'inside') {
        this.#outside(byte, chunk.subarray(at));
        start = at + 1;
      } else if (this.#isString) this.#inString(byte);
      else if (byte === QUOTE) this.#isString = true;
      else if (byte === OPEN || byte === OPEN_BRACE) this.#deeper();
      else if (this.#depth > 0) this.#depth -= byte === CLOSE || byte === CLOSE_BRACE ? 1 : 0;
      else if (byte === COMMA || byte === CLOSE) {
        this.#keep(chunk.subarray(start, at));
        start = at + 1;
        if (byte === CLOSE) this.#state = 'after';
        if (byte === COMMA || this.#count > 0 || !this.#isBlank()) yield this.#element();
      }
    }
    if (this.#state === 'inside') this.#keep(chunk.slice(start));
  }

  end(): void {
    if (this.#state === 'after') return;
    if (this.#state === 'before')
      throw new VectorFileError(`${this.#what} is empty; expected a JSON list of vectors`);
    throw new VectorFileError(`${this.#what} ends within entry ${this.#count}: the file was cut short`);
  }

  #outside(byte: number, rest: Uint8Array): void {
    if (SPACE.has(byte)) return;
    if (this.#state === 'before' && byte === OPEN) {
      this.#state = 'inside';
      return;
    }
    const found = JSON.stringify(new TextDecoder().decode(rest.subarray(0, SHOWN_BYTES)));
    throw new VectorFileError(
      this.#state === 'before'
        ? `${this.#what} is no JSON list of vectors: it begins with ${found}`
        : `${this.#what} goes on behind the end of its list: ${found}`,
    );
  }

  #inString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#isString = false;
  }

  #deeper(): void {
    if (++this.#depth > MAX_DEPTH)
      throw new VectorFileError(`${this.#what}: entry ${this.#count} is nested deeper than ${MAX_DEPTH}`);
  }

  #keep(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
    if (this.#length > MAX_ELEMENT_BYTES)
      throw new VectorFileError(
        `${this.#what}: entry ${this.#count} is longer than ${MAX_ELEMENT_BYTES} bytes`,
      );
  }

  /** Whether there is nothing between the brackets of a list: it has no elements. */
  #isBlank(): boolean {
    return this.#parts.every((part) => part.every((byte) => SPACE.has(byte)));
  }

  #element(): unknown {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    const index = this.#count++;
    try {
      return JSON.parse(this.#decoder.decode(bytes));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new VectorFileError(`${this.#what}: entry ${index} is no JSON: ${why}`);
    }
  }
}
