/** Large pages that were met: one translation for all of their 4 KiB pages. */
import type { Access, Translation } from './paging.ts';

export interface LargePage {
  /** Linear address >> 12, of the low word. */
  readonly firstPage: number;
  readonly high: number;
  readonly firstFrame: number;
  readonly frames: number;
}

const NO_PAGE: LargePage = { firstPage: 0, high: 0, firstFrame: 0, frames: 0 };
export type LargePages = Record<Access, LargePage>;

export const noLargePages = (): LargePages => ({ read: NO_PAGE, write: NO_PAGE, execute: NO_PAGE });

export function largePage({ frame, frames }: Translation, low: number, high: number): LargePage {
  const offset = (low >>> 12) & (frames - 1);
  return { firstPage: (low >>> 12) - offset, high, firstFrame: frame - offset, frames };
}
