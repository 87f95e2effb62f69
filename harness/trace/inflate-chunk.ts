/** A chunk's bytes as they were before they were stored. */
import { inflateSync } from 'node:zlib';
import type { FoundChunk } from './chunk-list.ts';
import { DEFLATED_FLAG } from './file-layout.ts';
import { TraceMalformedError } from './trace-errors.ts';

/** @throws TraceMalformedError where they are no zlib stream, or one of another size than the chunk's header says */
export function inflateChunk(chunk: FoundChunk): Uint8Array {
  if ((chunk.flags & DEFLATED_FLAG) === 0) return chunk.stored;
  const raw = inflateAtMost(chunk);
  if (raw.length === chunk.rawBytes) return raw;
  const what = `it inflates to ${raw.length} bytes instead of ${chunk.rawBytes}`;
  throw new TraceMalformedError(what, chunk.position, chunk.index);
}

function inflateAtMost(chunk: FoundChunk): Uint8Array {
  try {
    return inflateSync(chunk.stored, { maxOutputLength: Math.max(1, chunk.rawBytes) });
  } catch (cause) {
    const what = `it does not inflate to ${chunk.rawBytes} bytes`;
    throw new TraceMalformedError(what, chunk.position, chunk.index, undefined, { cause });
  }
}
