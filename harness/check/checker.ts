/** The seam between those who ask (command line, workers) and the model that runs early boot. */
import type { BaseResult, EntryName } from './contract.ts';

/** Runs one image, through one entry, at any base. */
export interface Checker {
  /** @throws only by a fault of ours or of the host: whatever the image does is in the result. */
  at(loadBase: number): BaseResult;
}

/** What is checked, as plain data: workers get it once. The bytes are shared, not copied. */
export interface CheckedImageData {
  /** What knowledge applies: Xen's, or what holds of any image. */
  readonly subject: 'xen' | 'kernel';
  /** The unpacked image. */
  readonly image: Uint8Array;
  /** The symbol file; undefined where the image has its own, or none is known. */
  readonly symbols: Uint8Array | undefined;
}

export type MakeChecker = (data: CheckedImageData, entry: EntryName) => Promise<Checker>;

/** What the model needs to know of an image is not known. */
export class UnknownImageError extends Error {
  override readonly name = 'UnknownImageError';
}

/** @returns the symbol file @throws UnknownImageError for what is no Xen with symbols. */
export function knownSymbols({ subject, symbols }: CheckedImageData): Uint8Array {
  if (subject === 'xen' && symbols) return symbols;
  throw new UnknownImageError(
    'only a Xen with its symbols can be checked: where its early boot ends is found by name; give --xen FILE,SYMBOLS',
  );
}
