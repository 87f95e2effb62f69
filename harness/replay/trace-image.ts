/** The image that a trace was captured of: embedded, given, or found by its digest. */
import { createHash } from 'node:crypto';
import { hex } from '../bits/hex.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import type { TraceReader } from '../trace/trace-reader.ts';

/** The trace is of another image than the one at hand, or none is at hand. */
export class TraceImageError extends Error {
  override readonly name = 'TraceImageError';
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * The image embedded in the trace.
 * @returns undefined where there is none
 * @throws TraceImageError where it is not the one that the header names; TraceError where it is damaged
 */
export function embeddedImage(trace: TraceReader): Uint8Array | undefined {
  const image = trace.image();
  if (image) requireImage(trace.header, image, 'the image embedded in the trace');
  return image;
}

/** @param called what the message calls it, e.g. its path @throws TraceImageError */
export function requireImage({ subject }: TraceHeader, image: Uint8Array, called: string): void {
  const digest = digestOf(image);
  if (digest !== subject.imageSha256)
    throw new TraceImageError(
      `${called} is another image than the trace's: SHA-256 ${digest.slice(0, 16)}…, ` +
        `where the trace has ${subject.imageSha256.slice(0, 16)}… (${subject.name}, ${hex(subject.imageSizeBytes, 1)} bytes); ` +
        'give the image that was captured with --image, or capture again',
    );
  for (const { imageOffset, fileSizeBytes } of subject.segments)
    if (imageOffset + fileSizeBytes > image.length)
      throw new TraceImageError(
        `the trace says that ${called} has a segment beyond its end; capture it again`,
      );
  for (const { imageOffset, bytes } of subject.changes)
    if (imageOffset + bytes.length / 2 > image.length)
      throw new TraceImageError(`the trace changes ${called} beyond its end; capture it again`);
}
