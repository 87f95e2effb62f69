/** Makes a trace a golden one: committed, with its provenance, for checks that run where nothing is built. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { disagreementText } from '../../harness/replay/divergence-text.ts';
import { Replay } from '../../harness/replay/replay.ts';
import { writeTrimmed } from '../../harness/replay/trimmed-trace.ts';
import { END, MEMORY } from '../../harness/trace/record.ts';
import type { TraceHeader } from '../../harness/trace/trace-header.ts';
import { TraceReader } from '../../harness/trace/trace-reader.ts';
import type { CodeStore } from '../../harness/x86/execute/code-store.ts';

/** A trace that must not be committed. */
export class PromotionRefusedError extends Error {
  override readonly name = 'PromotionRefusedError';
}

/** What a checkout should cost. */
const MAX_GOLDEN_BYTES = 1.5 * 1024 * 1024;

export interface PromotionOptions {
  /** e.g. results/golden */
  readonly folder: string;
  readonly store: CodeStore;
  /** Finds the image that the trace was captured of. */
  readonly imageFor: (trace: TraceReader) => Promise<Uint8Array>;
  /** How to make it again, as a command line. */
  readonly commandFor: (header: TraceHeader) => string;
  /** Default: 1.5 MiB. */
  readonly maxBytes?: number;
}

export interface Promoted {
  readonly path: string;
  readonly sizeBytes: number;
  readonly steps: number;
}

/**
 * @param bytes of the trace file
 * @throws PromotionRefusedError, TraceError, TraceImageError
 */
export async function promote(bytes: Uint8Array, options: PromotionOptions): Promise<Promoted> {
  const { folder, store, imageFor, maxBytes = MAX_GOLDEN_BYTES } = options;
  const trace = new TraceReader(bytes);
  if (trace.damage) throw trace.damage;
  if (trace.image())
    throw new PromotionRefusedError('it has an image embedded, which is not ours to commit: capture without');
  const image = await imageFor(trace);
  mustAgree(trace, image, store);
  const pieces: Uint8Array[] = [];
  await writeTrimmed(trace, image, store, (piece) => void pieces.push(piece));
  const golden = Buffer.concat(pieces);
  if (golden.length > maxBytes)
    throw new PromotionRefusedError(`it has ${golden.length} bytes, at most ${maxBytes} are committed`);
  const reader = new TraceReader(golden);
  mustAgree(reader, image, store);
  const name = fileName(trace.header.instance);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.lbtrace`);
  await writeFile(path, golden);
  const provenance = provenanceOf(reader, golden, options.commandFor(trace.header));
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(provenance, undefined, 2)}\n`);
  return { path, sizeBytes: golden.length, steps: reader.totals.steps };
}

/** An instance's name is one of a file: what reads a trace does not trust its header. */
function fileName(instance: string): string {
  if (/^[a-z0-9][a-z0-9~.-]*$/.test(instance)) return instance;
  throw new PromotionRefusedError(`${JSON.stringify(instance)} is no instance name`);
}

function mustAgree(trace: TraceReader, image: Uint8Array, store: CodeStore): void {
  const { steps, divergence } = new Replay(trace, image, store).run();
  if (divergence)
    throw new PromotionRefusedError(
      `it diverges at step ${steps + 1}: ${disagreementText(divergence.disagreement).join('; ')}`,
    );
}

function provenanceOf(reader: TraceReader, golden: Uint8Array, command: string): object {
  const { header, totals, ending, version } = reader;
  const { instance, firmware, accelerator, way, capturedAt, tools, subject } = header;
  return {
    schema: 'loadbase.golden/1',
    trace: {
      sha256: createHash('sha256').update(golden).digest('hex'),
      sizeBytes: golden.length,
      formatVersion: version,
      ...totals,
      memoryBytes: memoryBytes(reader),
      end: ending?.why,
    },
    ...{ instance, firmware, accelerator, way, capturedAt },
    subject: {
      name: subject.name,
      imageSha256: subject.imageSha256,
      imageSizeBytes: subject.imageSizeBytes,
      loadBase: `0x${subject.loadBase.toString(16).padStart(8, '0')}`,
    },
    tools,
    again: command,
  };
}

/** What it holds of memory: what early boot read, and what excursions changed of that. */
function memoryBytes(reader: TraceReader): { read: number; written: number } {
  const counts = { read: 0, written: 0 };
  const cursor = reader.cursor();
  for (let kind = cursor.next(); kind !== END; kind = cursor.next())
    if (kind === MEMORY) for (const { bytes } of cursor.memory) counts[cursor.memoryCause] += bytes.length;
  return counts;
}

/** @throws PromotionRefusedError */
export async function readTrace(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new PromotionRefusedError(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
