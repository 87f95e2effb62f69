import type { Specimen } from './specimen.ts';

/** Says one line when it is entered in 64-bit mode: specimens/bios-64bit-entry/entry.S. */
export const BIOS_64BIT_ENTRY = {
  folder: 'specimens/bios-64bit-entry',
  source: 'entry.S',
  linkerScript: 'entry.ld.S',
  bits: 64,
  variants: { 'bios-64bit-entry': [] },
} as const satisfies Specimen;

/** The line that it says. */
export const BIOS_64BIT_ENTRY_LINE = /^specimen: 64-bit entry reached$/;
