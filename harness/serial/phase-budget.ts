/** How an instance's time is shared, so that a hang is called by its phase's name before the whole time is up. Pure. */
import type { Phase } from './landmark.ts';

/**
 * The most that a phase may take, as a part of the whole. The subject gets what is left, a tenth at least; under TCG on a
 * quiet host OVMF takes 3 s, the loader 0.3 s, Xen 0.3 s.
 */
const SHARE: Readonly<Record<Exclude<Phase, 'subject'>, number>> = { firmware: 0.6, loader: 0.3 };

/** @returns milliseconds from the phase's beginning. */
export function phaseBudgetMs(phase: Exclude<Phase, 'subject'>, totalMs: number): number {
  return totalMs * SHARE[phase];
}
