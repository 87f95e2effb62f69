/** What is expected of any Xen: how its early boot ends at a base, and what it borrows. Source: xen/arch/x86/boot/head.S (0946068e7f, 4.18). */
import { MIB } from '../bits/align.ts';
import type { MemoryRange } from '../sanitizer/territory.ts';
import type { ExpectedEnding } from './knowledge.ts';

const ALIGNMENT = 2 * MIB;
const MISALIGNED = 'ERR: Xen must be loaded at a 2Mb boundary!';

export function expectedOfXen(loadBase: number): ExpectedEnding {
  return loadBase % ALIGNMENT === 0 ? { kind: 'reached' } : { kind: 'said', text: MISALIGNED };
}

/** The word below a stack of its own that Xen, entered in 32-bit mode, borrows to find out where it runs (head.S). */
export const BORROWED_WORD: MemoryRange = { start: 0xffc, end: 0x1000 };
