/** Where pages differ, in lines of 64 bytes. Pure. */
import type { MemoryRun } from '../trace/record.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';

export const LINE_BYTES = 64;
/** Two runs are one where so few bytes lie between them: a run costs about as much. */
const MAX_GAP_BYTES = 8;

/** A half-open range of offsets in a page. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One byte for each byte of a page: 0 where it is unknown. Absent: all are known. */
export type Known = Uint8Array | undefined;

/** Lines all of whose bytes are known, and in which the pages differ; neighbours are joined. */
export function changedLines(before: Uint8Array, now: Uint8Array, known: Known): Span[] {
  if (Buffer.compare(before, now) === 0) return [];
  const spans: { start: number; end: number }[] = [];
  for (let start = 0; start < PAGE_BYTES; start += LINE_BYTES) {
    if (isAlikeIn(before, now, start)) continue;
    const end = start + LINE_BYTES;
    if (!isKnown(known, start, end)) continue;
    const last = spans.at(-1);
    if (last?.end === start) last.end = end;
    else spans.push({ start, end });
  }
  return spans;
}

/** Known bytes in which the real page is another than the model's, as the real ones. */
export function differingRuns(frame: number, model: Uint8Array, real: Uint8Array, known: Known): MemoryRun[] {
  if (Buffer.compare(model, real) === 0) return [];
  const spans: { start: number; end: number }[] = [];
  for (let at = firstKnown(known, 0); at < PAGE_BYTES; at = firstKnown(known, at + 1)) {
    if (at % LINE_BYTES === 0 && isAlikeIn(model, real, at)) {
      at += LINE_BYTES - 1;
      continue;
    }
    if (model[at] === real[at]) continue;
    const last = spans.at(-1);
    if (last && at - last.end < MAX_GAP_BYTES && isKnown(known, last.end, at)) last.end = at + 1;
    else spans.push({ start: at, end: at + 1 });
  }
  return spans.map(({ start, end }) => ({
    address: frame * PAGE_BYTES + start,
    bytes: real.slice(start, end),
  }));
}

/** The page's end where there is none. */
function firstKnown(known: Known, from: number): number {
  if (known === undefined || from >= PAGE_BYTES || known[from] !== 0) return from;
  const at = known.indexOf(1, from);
  return at < 0 ? PAGE_BYTES : at;
}

function isAlikeIn(one: Uint8Array, other: Uint8Array, start: number): boolean {
  for (let at = start; at < start + LINE_BYTES; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** The unknown bytes of the lines that an access touches. */
export function unknownRuns(
  frame: number,
  real: Uint8Array,
  known: Uint8Array,
  { start, end }: Span,
): MemoryRun[] {
  const runs: { start: number; end: number }[] = [];
  const lastLine = Math.min(PAGE_BYTES, Math.ceil(end / LINE_BYTES) * LINE_BYTES);
  for (let at = start - (start % LINE_BYTES); at < lastLine; at++) {
    if (known[at] !== 0) continue;
    const last = runs.at(-1);
    if (last?.end === at) last.end = at + 1;
    else runs.push({ start: at, end: at + 1 });
  }
  return runs.map((run) => ({
    address: frame * PAGE_BYTES + run.start,
    bytes: real.slice(run.start, run.end),
  }));
}

function isKnown(known: Known, start: number, end: number): boolean {
  return known === undefined || known.subarray(start, end).indexOf(0) < 0;
}
