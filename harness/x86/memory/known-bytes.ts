/** A recorded boot knows not all of memory. */
import { ModelStop } from '../execute/stop.ts';
import { PAGE_BYTES, type PhysicalPage } from './physical-memory.ts';

/** @throws ModelStop where one of the bytes is unknown. */
export function requireKnown({ known, frame }: PhysicalPage, offset: number, sizeBytes: number): void {
  if (known)
    for (let at = offset; at < offset + sizeBytes; at++)
      if (known[at] === 0)
        throw new ModelStop({ kind: 'unknown memory', physical: frame * PAGE_BYTES + offset, sizeBytes });
}
