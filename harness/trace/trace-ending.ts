/** The end chunk: what the whole trace holds, and a checksum over all of the file before it. */
import type { FoundChunk } from './chunk-list.ts';
import { crcOf, END_PROLOGUE_BYTES, LIMITS, viewOf } from './file-layout.ts';
import type { TraceEnding, TraceTotals } from './record.ts';
import { TraceChecksumError, TraceMalformedError } from './trace-errors.ts';

/** @param fileCrc over all of the file before the end chunk's header `why` is cut at 4 KiB, between characters */
export function encodeEnding({ steps, guestSteps, why }: TraceEnding, fileCrc: number): Uint8Array {
  const room = new Uint8Array(END_PROLOGUE_BYTES + LIMITS.whyBytes);
  const { written } = new TextEncoder().encodeInto(why, room.subarray(END_PROLOGUE_BYTES));
  const raw = room.subarray(0, END_PROLOGUE_BYTES + written);
  const view = viewOf(raw);
  view.setBigUint64(0, BigInt(steps), true);
  view.setBigUint64(8, BigInt(guestSteps), true);
  view.setUint32(16, fileCrc, true);
  return raw;
}

/**
 * @param chunk the end chunk @param totals what the last chunk of records says
 * @throws TraceMalformedError TraceChecksumError where it is not the end of this trace
 */
export function parseEnding(file: Uint8Array, chunk: FoundChunk, totals: TraceTotals): TraceEnding {
  const { stored, position, index } = chunk;
  const wrong = (what: string): TraceMalformedError => new TraceMalformedError(what, position, index);
  if (chunk.flags !== 0) throw wrong('the end is deflated, or optional');
  if (stored.length < END_PROLOGUE_BYTES || stored.length > END_PROLOGUE_BYTES + LIMITS.whyBytes)
    throw wrong(`an end of ${stored.length} bytes`);
  const view = viewOf(stored);
  const crc = crcOf(file.subarray(0, position));
  if (crc !== view.getUint32(16, true))
    throw new TraceChecksumError('the whole file', position, view.getUint32(16, true), crc);
  const [steps, guestSteps] = [Number(view.getBigUint64(0, true)), Number(view.getBigUint64(8, true))];
  if (steps !== totals.steps || guestSteps !== totals.guestSteps)
    throw wrong(
      `its totals are ${steps} steps (${guestSteps}), there are ${totals.steps} (${totals.guestSteps})`,
    );
  return { steps, guestSteps, why: new TextDecoder().decode(stored.subarray(END_PROLOGUE_BYTES)) };
}
