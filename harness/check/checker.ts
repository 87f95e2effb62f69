/** The seam between those who ask (command line, workers) and the model that runs early boot. */
import type { BaseResult, EntryName } from './contract.ts';
import type { ImageChange } from './image-pages.ts';

/** Runs one image, through one entry, at any base. */
export interface Checker {
  /** @throws only by a fault of ours or of the host: whatever the image does is in the result. */
  at(loadBase: number, changes?: readonly ImageChange[]): BaseResult;
}

/** What is checked, as plain data: workers get it once. The bytes are shared, not copied. */
export interface CheckedImageData {
  /** What knowledge applies: Xen's, or our probe's. */
  readonly subject: 'xen' | 'kernel';
  /** The unpacked image. */
  readonly image: Uint8Array;
  /** The symbol file; undefined where the image has its own, or none is known. */
  readonly symbols: Uint8Array | undefined;
  /** Machine profiles, as JSON: of those of an entry's firmware the first that has room at a base serves it. */
  readonly machines: readonly string[];
}

export type MakeChecker = (data: CheckedImageData, entry: EntryName) => Promise<Checker>;
