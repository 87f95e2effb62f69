/** What the model knows of memory against what the stopped machine has. */
import CRC32 from 'crc-32';
import type { MemoryDigest, MemoryRun } from '../trace/record.ts';
import { PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { isLong, isWide } from '../x86/state/segment-attributes.ts';
import { ATTRIBUTES, BASE, CS, GENERAL, segmentWord, SS } from '../x86/state/state-layout.ts';
import type { LivePages, Pages } from './live-pages.ts';
import { changedLines, differingRuns } from './memory-lines.ts';
import type { PageStretches } from './page-stretches.ts';

const RSP = GENERAL + 2 * 4;
/** An interrupt handler's frames lie below the stack pointer of that moment, and no further than this. */
const HANDLER_STACK_BYTES = 16 * 1024;
/** Pages on either side of the stack pointer that firmware's results may lie in. */
const STACK_PAGES = 4;

/** The model's memory, and its pages in stretches. */
export interface Followed {
  readonly memory: PhysicalMemory;
  readonly stretches: PageStretches;
}

export interface MemoryVerdict {
  /** What the machine has where the model has something else. */
  readonly differing: readonly MemoryRun[];
  /** The same where interrupt handlers left it: on the stack, where nothing of the subject's stood at that moment. */
  readonly leftByHandlers: readonly MemoryRun[];
  /** Of all that changed since the segment began and is alike. */
  readonly digests: readonly MemoryDigest[];
}

/**
 * @param start real memory where the segment began
 * @param stackTop the highest that the stack pointer was while interrupts could come, as an address; undefined: none could
 */
export async function compareWithReal(
  { memory, stretches }: Followed,
  start: Pages,
  live: LivePages,
  stackTop: number | undefined,
): Promise<MemoryVerdict> {
  const real = await live.read(frames(stretches));
  const [differing, leftByHandlers]: [MemoryRun[], MemoryRun[]] = [[], []];
  const changed: { start: number; end: number }[] = [];
  for (const { frame, bytes, known } of stretches.unlike([real, start])) {
    const now = real.get(frame);
    if (!now) continue;
    const runs = differingRuns(frame, bytes, now, known);
    for (const run of runs) (isHandlers(run, stackTop) ? leftByHandlers : differing).push(run);
    const before = start.get(frame);
    if (!before || runs.length > 0) continue;
    for (const span of changedLines(before, bytes, known)) {
      const [from, to] = [frame * PAGE_BYTES + span.start, frame * PAGE_BYTES + span.end];
      const last = changed.at(-1);
      if (last?.end === from) last.end = to;
      else changed.push({ start: from, end: to });
    }
  }
  return { differing, leftByHandlers, digests: changed.map((range) => digest(memory, range)) };
}

export interface Returned {
  readonly changes: readonly MemoryRun[];
  /** Real memory now: of all that the model knows, and around the stack pointer. Overwritten the next time. */
  readonly pages: Pages;
}

/** What an excursion changed in memory that the model knows. @param after the state behind it */
export async function returnedFrom(
  stretches: PageStretches,
  after: Int32Array,
  live: LivePages,
): Promise<Returned> {
  const stackFrame = Math.floor(stackAddress(after) / PAGE_BYTES);
  const around = Array.from({ length: 2 * STACK_PAGES + 1 }, (_, index) => stackFrame - STACK_PAGES + index);
  const pages = await live.read([...frames(stretches), ...around.filter((frame) => frame >= 0)]);
  const changes: MemoryRun[] = [];
  for (const { frame, bytes, known } of stretches.unlike([pages])) {
    const now = pages.get(frame);
    if (now) changes.push(...differingRuns(frame, bytes, now, known));
  }
  return { changes, pages };
}

function digest(
  memory: PhysicalMemory,
  { start, end }: { readonly start: number; readonly end: number },
): MemoryDigest {
  const sizeBytes = end - start;
  return { address: start, sizeBytes, crc32: CRC32.buf(memory.read(start, sizeBytes)) >>> 0 };
}

function frames(stretches: PageStretches): number[] {
  return stretches.pages().map(({ frame }) => frame);
}

/** Early boot's stacks lie where linear and physical addresses are the same. SP = 0 is the end of 64 KiB: it counts down. */
export function stackAddress(words: Int32Array): number {
  const stack = segmentWord(SS);
  const is16Bit = !isWide(words[stack + ATTRIBUTES]!) && !isLong(words[segmentWord(CS) + ATTRIBUTES]!);
  const pointer = is16Bit ? ((words[RSP]! - 1) & 0xffff) + 1 : words[RSP]! >>> 0;
  return pointer + (words[stack + BASE]! >>> 0);
}

function isHandlers({ address, bytes }: MemoryRun, stackTop: number | undefined): boolean {
  if (stackTop === undefined) return false;
  return address >= stackTop - HANDLER_STACK_BYTES && address + bytes.length <= stackTop;
}
