/** Forgotten bases of Xen that make no difference, and why. Source of the code: xen/arch/x86/boot/head.S (4.14–4.17). */
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { Explanation } from './mutation-score.ts';

interface XenExplanation {
  readonly symbol: string;
  /** A symbol that its memory operand names. */
  readonly refersTo: string;
  readonly because: string;
  /** Whether that is so of this Xen. */
  readonly isSo: (linkTime: (symbol: string) => number) => boolean;
}

/** Bytes of one entry, a distance to where a segment is to be stored. */
const SEGMENT_ENTRY_BYTES = 4;

const XEN: readonly XenExplanation[] = [
  {
    symbol: 'trampoline_setup',
    refersTo: '__trampoline_seg_stop',
    because:
      'it ends a loop over one entry by “not below”: an end that is too low ends it after that entry, too, and Xen is never loaded below its link base',
    isSo: (linkTime) =>
      linkTime('__trampoline_seg_stop') - linkTime('__trampoline_seg_start') === SEGMENT_ENTRY_BYTES,
  },
];

/** Those that hold of this Xen. */
export function xenExplanations(symbols: Pick<ImageSymbols, 'has' | 'linkTime'>): Explanation[] {
  return XEN.filter(
    ({ refersTo, isSo }) => symbols.has(refersTo) && isSo((symbol) => symbols.linkTime(symbol)),
  ).map(({ symbol, refersTo, because }) => ({ symbol, because, refersTo: symbols.linkTime(refersTo) }));
}
