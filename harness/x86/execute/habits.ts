/** What machines do differently where the SDM leaves no choice: QEMU's TCG is what most recordings come from. */
export interface Habits {
  /** A far transfer sets the accessed bit of the code segment, in CS and in its descriptor (SDM 3A §3.4.5.1). */
  readonly marksCodeAccessed: boolean;
  /** LTR shows the busy bit in TR, not only in the descriptor (SDM 3A §7.2.2). */
  readonly showsBusyTask: boolean;
}

export const HARDWARE: Habits = { marksCodeAccessed: true, showsBusyTask: true };
/** As of QEMU 7.2. */
export const TCG: Habits = { marksCodeAccessed: false, showsBusyTask: false };
