/** What machines do differently where the SDM leaves no choice: QEMU's TCG is what most recordings come from. */
export interface Habits {
  /** Offsets are compared with the limits of data segments, and accesses with their rights (SDM 3A §5.3, §5.4.1). */
  readonly checksLimits: boolean;
  /** A far transfer sets the accessed bit of the code segment, in CS and in its descriptor (SDM 3A §3.4.5.1). */
  readonly marksCodeAccessed: boolean;
  /** LTR shows the busy bit in TR, not only in the descriptor (SDM 3A §7.2.2). */
  readonly showsBusyTask: boolean;
  /** RF is set in the flags that a fault pushes (SDM 3B §17.3.1.1). */
  readonly pushesResumeFlag: boolean;
  /** A stack of the interrupt stack table makes SS null only where privilege changes (SDM 3A §6.14.5). */
  readonly keepsStackSegment: boolean;
  /** A data segment that a return to an outer level drops shows no limit and no attributes (SDM 3A §5.8.6). */
  readonly clearsDroppedSegments: boolean;
  /** Bytes by which a vector counts in the error code that names a gate in long mode: 8 (SDM 3A §6.13). */
  readonly longGateErrorScale: 8 | 16;
}

export const HARDWARE: Habits = {
  checksLimits: true,
  marksCodeAccessed: true,
  showsBusyTask: true,
  pushesResumeFlag: true,
  keepsStackSegment: true,
  clearsDroppedSegments: true,
  longGateErrorScale: 8,
};

/** Compared with QEMU 7.2, instruction by instruction. */
export const TCG: Habits = {
  checksLimits: false,
  marksCodeAccessed: false,
  showsBusyTask: false,
  pushesResumeFlag: false,
  keepsStackSegment: false,
  clearsDroppedSegments: false,
  longGateErrorScale: 16,
};
