/** Modules whose contents only we know. */
import { patternAt } from '../layout/memory-pattern.ts';
import type { PayloadModule } from './payload.ts';

const PIECE = 4096;

/** A module of so many bytes, the same in every run and unlike any other seed's: no kernel, no archive. */
export function noiseModule(sizeBytes: number, seed: number): PayloadModule {
  const bytes = new Uint8Array(sizeBytes);
  // Prime to the pattern's period, so that no two pages of any two modules are alike.
  for (let at = 0, from = seed * 65_537; at < sizeBytes; at += PIECE, from += 4099)
    bytes.set(patternAt(from, Math.min(PIECE, sizeBytes - at)), at);
  // Xen takes the last four bytes of a kernel that is no ELF file for its unpacked size (bzimage.c, output_length).
  bytes.fill(0, Math.max(1, sizeBytes - 4));
  return { bytes, arguments: `noise-${seed}` };
}
