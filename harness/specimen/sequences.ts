import type { Specimen } from './specimen.ts';

/** Runs generated code in three modes: specimens/sequences/sequences.S. */
export const SEQUENCES = {
  folder: 'specimens/sequences',
  source: 'sequences.S',
  linkerScript: 'sequences.ld.S',
  bits: 32,
  variants: { sequences: [] },
} as const satisfies Specimen;

/** The line that it says. */
export const SEQUENCES_LINE = /^loadbase: sequences done$/;
