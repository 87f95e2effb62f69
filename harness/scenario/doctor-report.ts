/** What `loadbase doctor` found: made by the doctor, shown by a report; the two do not know each other. */

/**
 * `too-old`: there, but below what is needed; `broken`: there, but it does not do its work (an accelerator that hangs);
 * `optional-missing`: only something beside the main job needs it.
 */
export type DoctorState = 'ok' | 'missing' | 'too-old' | 'broken' | 'optional-missing';

export interface DoctorNeed {
  /** e.g. `QEMU`, `OVMF`, `accelerator kvm`. */
  readonly name: string;
  readonly state: DoctorState;
  /** Version, path or what a probe said. */
  readonly found?: string;
  /** e.g. `at least 7.0`. */
  readonly needed?: string;
  /** In words: why it is broken, what it is for. */
  readonly detail?: string;
}

export interface DoctorReport {
  readonly needs: readonly DoctorNeed[];
  /** The one command or step to take next; absent where there is none. */
  readonly nextAction?: string;
}
