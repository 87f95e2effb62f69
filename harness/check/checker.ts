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

/** The model is not there. */
export class NoCheckerError extends Error {
  override readonly name = 'NoCheckerError';
}

/** @throws what parsing the image throws; a caller has parsed it before. */
export const makeChecker: MakeChecker = (_data, entry) =>
  Promise.reject(new NoCheckerError(`nothing runs the ${entry} entry of an image yet`));
