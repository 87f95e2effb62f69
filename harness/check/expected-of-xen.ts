/** How Xen's early boot ends at a base. Source: xen/arch/x86/boot/head.S (0946068e7f, 4.18). */
import { MIB } from '../bits/align.ts';
import type { ExpectedEnding } from './knowledge.ts';

const ALIGNMENT = 2 * MIB;
const MISALIGNED = 'ERR: Xen must be loaded at a 2Mb boundary!';

export function expectedOfXen(loadBase: number): ExpectedEnding {
  return loadBase % ALIGNMENT === 0 ? { kind: 'reached' } : { kind: 'said', text: MISALIGNED };
}
