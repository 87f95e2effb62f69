/** A kernel of our own below specimens/: where its sources are and what is made of them. */
export interface Specimen {
  /** Relative to loadbase's own folder. */
  readonly folder: string;
  /** GNU assembler, run through the C preprocessor; includes stand in the same folder. */
  readonly source: string;
  /** Preprocessed with the same definitions. */
  readonly linkerScript: string;
  /** ELF32 for i386, or ELF64 for x86-64. */
  readonly bits: 32 | 64;
  /** Name → preprocessor definitions. */
  readonly variants: Readonly<Record<string, readonly string[]>>;
}
