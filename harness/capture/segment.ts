/** What a recording gives, whichever way it was made: stretches of states, and what brought control back between them. */
import type { CallSite } from './call-sites.ts';
import type { States } from './state-buffer.ts';

/**
 * States in a row, one step between each two. The first is that of the machine as it was given, or that after the
 * excursion before.
 */
export interface Segment extends States {
  readonly kind: 'segment';
  /**
   * `excursion`: the machine is stopped; the last state is before the instruction that leaves. `goes on`: it runs, and
   * the next segment's first state follows by a step. `end`: stopped at the capture's end, which is the last state.
   * `died`: stopped for good.
   */
  readonly endedAt: 'excursion' | 'goes on' | 'end' | 'died';
  /** With `died`: what QEMU said of it, or what is known. */
  readonly said?: string;
}

/** Control is inside again, and the machine stopped; the state is the next segment's first. */
export interface Return {
  readonly kind: 'return';
  readonly site: CallSite;
  /** False: the instruction did not leave this time. */
  readonly left: boolean;
  readonly state: Int32Array;
}
