/** A trace as material for a machine profile: what it says of memory at entry, and all that its run in the model shows. */
import { requireImage } from '../replay/trace-image.ts';
import { writeTrimmed } from '../replay/trimmed-trace.ts';
import { rangesThatAre } from '../replay/known-runs.ts';
import { END, EXCURSION, MEMORY, type MemoryRun } from '../trace/record.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { PhysicalMemory as Memory } from '../x86/memory/physical-memory.ts';
import { addUnknown, knownRuns } from './known-memory.ts';
import type { AnswerPlace } from './question.ts';

/** A trace as it was read from its file. */
export interface CapturedTrace {
  readonly bytes: Uint8Array;
  /** Of the image file that it was captured of. */
  readonly image: Uint8Array;
}

export interface Capture {
  readonly header: TraceHeader;
  /** Of the trace’s file. */
  readonly bytes: Uint8Array;
  /** As captured: whole lines of memory. */
  readonly raw: TraceReader;
  /** Only what early boot reads. */
  readonly trimmed: TraceReader;
  readonly image: Uint8Array;
  readonly loadBase: number;
  readonly imageSizeBytes: number;
}

/** @throws TraceError, TraceImageError, UntrimmableTraceError */
export async function captureOf({ bytes, image }: CapturedTrace, store: CodeStore): Promise<Capture> {
  const raw = new TraceReader(bytes);
  const { header } = raw;
  requireImage(header, image, 'the image');
  const pieces: Uint8Array[] = [];
  await writeTrimmed(raw, image, store, (piece) => void pieces.push(piece));
  const ends = header.subject.segments.map((each) => each.physicalAddress + each.memorySizeBytes);
  const { loadBase } = header.subject;
  return {
    ...{ bytes, header, raw, image, loadBase, imageSizeBytes: Math.max(...ends) - loadBase },
    trimmed: new TraceReader(Buffer.concat(pieces)),
  };
}

/** Bytes that stood in memory all along: what a firmware's answer had put there is left out. @param answers by call */
export function entryMemory(trace: TraceReader, answers: readonly (readonly AnswerPlace[])[]): MemoryRun[] {
  const memory = new Memory('unknown');
  const answered = new Memory('unknown');
  const cursor = trace.cursor();
  let calls = 0;
  for (let kind = cursor.next(); kind !== END; kind = cursor.next()) {
    if (kind === EXCURSION)
      for (const { address, sizeBytes } of answers[calls++] ?? [])
        answered.load(address, new Uint8Array(sizeBytes(answered)));
    if (kind !== MEMORY || cursor.memoryCause !== 'read') continue;
    for (const run of cursor.memory)
      for (const range of rangesThatAre('unknown', answered, {
        address: run.address,
        sizeBytes: run.bytes.length,
      }))
        memory.load(
          range.address,
          run.bytes.subarray(range.address - run.address, range.address - run.address + range.sizeBytes),
        );
  }
  return [...memory.pages()].flatMap(({ frame }) => knownRuns(memory, frame * 4096, 4096));
}

/** What any of them says, the first one first. */
export function unionOf(runs: readonly (readonly MemoryRun[])[]): PhysicalMemory {
  const memory = new Memory('unknown');
  for (const each of runs) for (const run of each) addUnknown(memory, run);
  return memory;
}
