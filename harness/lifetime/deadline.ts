/** One deadline comes in, sub-deadlines are cut from it; every wait says what was awaited. */

export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  constructor(
    readonly awaited: string,
    readonly waitedMs: number,
    readonly lastSeen?: string,
  ) {
    super(
      `waited ${(waitedMs / 1000).toFixed(1)} s for ${awaited}${lastSeen ? `; last seen: ${lastSeen}` : ''}`,
    );
  }
}

export class Deadline {
  readonly startedAt: number;

  private constructor(readonly expiresAt: number) {
    this.startedAt = performance.now();
  }

  /** A deadline `ms` milliseconds from now. */
  static in(ms: number): Deadline {
    return new Deadline(performance.now() + ms);
  }

  /** The earlier of this deadline and `ms` from now. */
  cut(ms: number): Deadline {
    return new Deadline(Math.min(this.expiresAt, performance.now() + ms));
  }

  get remainingMs(): number {
    return Math.max(0, this.expiresAt - performance.now());
  }

  get expired(): boolean {
    return this.remainingMs === 0;
  }

  /**
   * Waits for `promise`, or throws when the time is up. The promise itself is not ended: whoever made it does that.
   * @param lastSeen is asked only on expiry.
   * @throws DeadlineError
   */
  async wait<T>(promise: Promise<T>, awaited: string, lastSeen?: () => string | undefined): Promise<T> {
    const started = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const expiry = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        // Timers come before sockets in Node's loop: after a stall of this process (a paused or starved host) what the
        // other side said meanwhile is still unread. It is read first, so that our own sleep is not its silence.
        setImmediate(() =>
          setImmediate(() => reject(new DeadlineError(awaited, performance.now() - started, lastSeen?.()))),
        );
      }, this.remainingMs);
    });
    try {
      return await Promise.race([promise, expiry]);
    } finally {
      clearTimeout(timer);
    }
  }
}
