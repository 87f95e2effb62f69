/** What the guest did wrong, on its way to the guest's own handler; never seen outside the model. */

/** Vectors (SDM 3A §6.3.1). */
export const VECTOR = {
  divide: 0,
  debug: 1,
  breakpoint: 3,
  overflow: 4,
  bound: 5,
  invalidOpcode: 6,
  noCoprocessor: 7,
  doubleFault: 8,
  invalidTss: 10,
  segmentNotPresent: 11,
  stack: 12,
  generalProtection: 13,
  page: 14,
} as const;

/** No Error: a guest may fault as often as it likes, and nobody would look at the stack. */
export class GuestFault {
  readonly name = 'GuestFault';
  /** @param errorCode of those vectors that have one; 0 for `#GP(0)`. */
  constructor(
    readonly vector: number,
    readonly errorCode?: number,
  ) {}
}

export const invalidOpcode = (): GuestFault => new GuestFault(VECTOR.invalidOpcode);
export const generalProtection = (errorCode = 0): GuestFault =>
  new GuestFault(VECTOR.generalProtection, errorCode);
