/** What instructions keep that is no part of the recorded state: nothing in early boot computes with it. */
export class HiddenState {
  /** DR0 to DR7, low and high words (SDM 3B §17.2). */
  readonly debug = new Int32Array(16);
  /** CR8. */
  taskPriority = 0;
  /** Swapped by SWAPGS; undefined until it was written: a recording does not say it. */
  kernelGsBase: readonly [low: number, high: number] | undefined;
  /** XCR0's low word. */
  extendedFeatures = 1;
  fpuControl = 0x37f;
  fpuStatus = 0;
  vectorControl = 0x1f80;
  /** The keyboard controller's last command where it waits for data, else 0. */
  keyboardCommand = 0;

  constructor() {
    this.debug[6 * 2] = 0xffff_0ff0;
    this.debug[7 * 2] = 0x400;
  }
}
