/** Gives pieces to a sink one after another, whether it takes them at once or later. */

/** Takes bytes that nobody changes afterwards. */
export type TraceSink = (bytes: Uint8Array) => void | Promise<void>;

export class OrderedSink {
  readonly #sink: TraceSink;
  /** Undefined while the sink has taken all there is. */
  #pending: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;

  constructor(sink: TraceSink) {
    this.#sink = sink;
  }

  /** @throws whatever the sink threw at an earlier piece, or throws now */
  give(bytes: Uint8Array): void {
    this.#throwFailure();
    const pending = this.#pending;
    const taken = pending ? pending.then(() => this.#give(bytes)) : this.#giveNow(bytes);
    if (taken) this.#awaitLater(taken);
  }

  /** Until the sink has taken everything. @throws whatever it threw */
  async drained(): Promise<void> {
    while (this.#pending) await this.#pending;
    this.#throwFailure();
  }

  /** A sink that failed once gets nothing more: the file would have a hole. */
  #give(bytes: Uint8Array): void | Promise<void> {
    if (!this.#failure) return this.#sink(bytes);
  }

  #giveNow(bytes: Uint8Array): void | Promise<void> {
    try {
      return this.#sink(bytes);
    } catch (cause) {
      this.#failure = { cause };
      throw cause;
    }
  }

  #awaitLater(taken: Promise<void>): void {
    const settled = taken.then(undefined, (cause: unknown) => {
      this.#failure ??= { cause };
    });
    const pending = settled.then(() => {
      if (this.#pending === pending) this.#pending = undefined;
    });
    this.#pending = pending;
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.cause;
  }
}
