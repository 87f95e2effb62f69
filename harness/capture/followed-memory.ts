/** What the model knows of memory against what the stopped machine has. */
import CRC32 from 'crc-32';
import type { MemoryDigest, MemoryRun } from '../trace/record.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { GENERAL, BASE, segmentWord, SS } from '../x86/state/state-layout.ts';
import type { LivePages, Pages } from './live-pages.ts';
import { changedLines, differingRuns } from './memory-lines.ts';

const RSP = GENERAL + 2 * 4;
/** An interrupt handler's frames lie below the stack pointer, and no further than this. */
const DEAD_STACK_BYTES = 16 * 1024;
/** Pages on either side of the stack pointer that firmware's results may lie in. */
const STACK_PAGES = 4;

export interface MemoryVerdict {
  /** What the machine has where the model has something else. */
  readonly differing: readonly MemoryRun[];
  /** Of all that changed since the segment began and is alike. */
  readonly digests: readonly MemoryDigest[];
}

/**
 * @param start real memory where the segment began
 * @param hadInterrupts whether handlers may have run: what they left below the stack pointer is nobody's
 */
export async function compareWithReal(
  cpu: Cpu,
  start: Pages,
  live: LivePages,
  hadInterrupts: boolean,
): Promise<MemoryVerdict> {
  const real = await live.read(frames(cpu));
  const differing: MemoryRun[] = [];
  const changed: { start: number; end: number }[] = [];
  for (const page of sortedPages(cpu)) {
    const { frame, bytes, known } = page;
    const now = real.get(frame);
    if (!now) continue;
    const runs = differingRuns(frame, bytes, now, known);
    differing.push(...(hadInterrupts ? runs.filter((run) => !isDeadStack(cpu, run)) : runs));
    const before = start.get(frame);
    if (!before || runs.length > 0) continue;
    for (const span of changedLines(before, bytes, known)) {
      const [from, to] = [frame * PAGE_BYTES + span.start, frame * PAGE_BYTES + span.end];
      const last = changed.at(-1);
      if (last?.end === from) last.end = to;
      else changed.push({ start: from, end: to });
    }
  }
  return { differing, digests: changed.map((range) => digest(cpu, range)) };
}

export interface Returned {
  readonly changes: readonly MemoryRun[];
  /** Real memory now: of all that the model knows, and around the stack pointer. Overwritten the next time. */
  readonly pages: Pages;
}

/** What an excursion changed in memory that the model knows. @param after the state behind it */
export async function returnedFrom(cpu: Cpu, after: Int32Array, live: LivePages): Promise<Returned> {
  const stackFrame = Math.floor(stackAddress(after) / PAGE_BYTES);
  const around = Array.from({ length: 2 * STACK_PAGES + 1 }, (_, index) => stackFrame - STACK_PAGES + index);
  const pages = await live.read([...frames(cpu), ...around.filter((frame) => frame >= 0)]);
  const changes = sortedPages(cpu).flatMap(({ frame, bytes, known }) => {
    const now = pages.get(frame);
    return now ? differingRuns(frame, bytes, now, known) : [];
  });
  return { changes, pages };
}

function digest(
  { physical }: Cpu,
  { start, end }: { readonly start: number; readonly end: number },
): MemoryDigest {
  const sizeBytes = end - start;
  return { address: start, sizeBytes, crc32: CRC32.buf(physical.read(start, sizeBytes)) >>> 0 };
}

function sortedPages({ physical }: Cpu) {
  return [...physical.pages()].sort((a, b) => a.frame - b.frame);
}

function frames({ physical }: Cpu): number[] {
  return [...physical.pages()].map(({ frame }) => frame);
}

/** Early boot's stacks lie where linear and physical addresses are the same. */
function stackAddress(words: Int32Array): number {
  return (words[RSP]! >>> 0) + (words[segmentWord(SS) + BASE]! >>> 0);
}

function isDeadStack({ words }: Cpu, { address, bytes }: MemoryRun): boolean {
  const top = stackAddress(words);
  return address >= top - DEAD_STACK_BYTES && address + bytes.length <= top;
}
