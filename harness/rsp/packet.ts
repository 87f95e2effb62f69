/** Packets of the GDB remote protocol as bytes. Source: GDB manual, appendix E "GDB Remote Serial Protocol", Overview. */

const DOLLAR = 0x24;
const HASH = 0x23;
const STAR = 0x2a;
const ESCAPE = 0x7d;
const PLUS = 0x2b;
const MINUS = 0x2d;
const ESCAPE_MASK = 0x20;
/** A repeat count is a printable character: `n + 29`. */
const REPEAT_BIAS = 29;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

export const ACK = Buffer.of(PLUS);
export const NACK = Buffer.of(MINUS);
/** Asks a running machine to stop; sent outside of a packet. */
export const INTERRUPT = Buffer.of(0x03);

/** What a stub says. */
export type PacketItem =
  | { readonly kind: 'packet'; readonly payload: Buffer }
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack' }
  | { readonly kind: 'bad'; readonly reason: string };

/** `$payload#checksum`, with `# $ } *` escaped. @param payload text is Latin-1. */
export function encodePacket(payload: string | Uint8Array): Buffer {
  const plain = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const body: number[] = [];
  for (const byte of plain) {
    if (byte === HASH || byte === DOLLAR || byte === ESCAPE || byte === STAR)
      body.push(ESCAPE, byte ^ ESCAPE_MASK);
    else body.push(byte);
  }
  const bytes = Uint8Array.from(body);
  return Buffer.concat([Buffer.of(DOLLAR), bytes, Buffer.from(`#${checksumText(bytes)}`, 'latin1')]);
}

/** The sum of the bytes modulo 256, as two hexadecimal digits. */
function checksumText(bytes: Uint8Array): string {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) & 0xff;
  return sum.toString(16).padStart(2, '0');
}

/**
 * Undoes escapes and run-length encoding.
 * @returns undefined where the encoding is broken, or the result is longer than `maxBytes`.
 */
export function decodePayload(body: Uint8Array, maxBytes: number): Buffer | undefined {
  if (!body.includes(ESCAPE) && !body.includes(STAR)) return Buffer.from(body);
  const plain: number[] = [];
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!;
    const next = body[at + 1];
    if (byte === ESCAPE) {
      if (next === undefined) return undefined;
      plain.push(next ^ ESCAPE_MASK);
      at++;
    } else if (byte === STAR) {
      const last = plain.at(-1);
      if (last === undefined || next === undefined || next < FIRST_PRINTABLE || next > LAST_PRINTABLE)
        return undefined;
      for (let repeat = next - REPEAT_BIAS; repeat > 0; repeat--) plain.push(last);
      at++;
    } else plain.push(byte);
    if (plain.length > maxBytes) return undefined;
  }
  return Buffer.from(plain);
}

/** `idle`: between packets; `payload`: after `$`; `checksum`: after `#`. */
type ParserState = 'idle' | 'payload' | 'checksum';

/** Cuts a stub's bytes into packets and acknowledgements; they may be cut anywhere. */
export class PacketParser {
  #state: ParserState = 'idle';
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  #checksum = '';

  /** @param maxBytes of a payload, as sent and as decoded. */
  constructor(readonly maxBytes = 64 * 1024) {}

  /** Whether a packet has begun and not ended. */
  get midPacket(): boolean {
    return this.#state !== 'idle';
  }

  feed(bytes: Uint8Array): PacketItem[] {
    const items: PacketItem[] = [];
    for (let at = 0; at < bytes.length;) {
      if (this.#state === 'payload') at = this.#payload(bytes, at, items);
      else if (this.#state === 'checksum') this.#checksumDigit(bytes[at++]!, items);
      else this.#idle(bytes[at++]!, items);
    }
    return items;
  }

  /** Bytes between packets mean nothing; a client listens on until a packet begins. */
  #idle(byte: number, items: PacketItem[]): void {
    if (byte === PLUS) items.push({ kind: 'ack' });
    else if (byte === MINUS) items.push({ kind: 'nack' });
    else if (byte === DOLLAR) this.#begin();
  }

  #begin(): void {
    this.#state = 'payload';
    this.#pieces = [];
    this.#heldBytes = 0;
  }

  /** Takes payload up to `#`; a `$` in it is a new packet whose forerunner was lost. @returns where to go on. */
  #payload(bytes: Uint8Array, start: number, items: PacketItem[]): number {
    let end = start;
    while (end < bytes.length && bytes[end] !== HASH && bytes[end] !== DOLLAR) end++;
    this.#pieces.push(bytes.slice(start, end));
    this.#heldBytes += end - start;
    if (this.#heldBytes > this.maxBytes) {
      items.push({ kind: 'bad', reason: `a packet is longer than ${this.maxBytes} bytes` });
      this.#state = 'idle';
      return end;
    }
    if (end === bytes.length) return end;
    if (bytes[end] === DOLLAR) {
      items.push({ kind: 'bad', reason: 'a packet begins within another' });
      this.#begin();
    } else {
      this.#state = 'checksum';
      this.#checksum = '';
    }
    return end + 1;
  }

  #checksumDigit(byte: number, items: PacketItem[]): void {
    this.#checksum += String.fromCharCode(byte);
    if (this.#checksum.length < 2) return;
    this.#state = 'idle';
    const body = Buffer.concat(this.#pieces);
    this.#pieces = [];
    if (this.#checksum.toLowerCase() !== checksumText(body)) {
      const reason = `checksum ${JSON.stringify(this.#checksum)} instead of ${checksumText(body)}`;
      items.push({ kind: 'bad', reason });
      return;
    }
    const payload = decodePayload(body, this.maxBytes);
    items.push(payload ? { kind: 'packet', payload } : { kind: 'bad', reason: 'a broken escape or repeat' });
  }
}
