import type { StopReply } from './stop-reply.ts';

/** From `c` or `s` until the machine stops. */
export class MachineRun {
  /** Rejects where the connection ends before. */
  readonly stopped: Promise<StopReply>;
  #settle: (stop: StopReply) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor() {
    this.stopped = new Promise((resolve, reject) => ([this.#settle, this.#fail] = [resolve, reject]));
    // Whoever waits is told; nobody need wait.
    this.stopped.catch(() => undefined);
  }

  /** Only the first of these two counts. */
  stop(stop: StopReply): void {
    this.#settle(stop);
  }

  fail(error: Error): void {
    this.#fail(error);
  }
}
