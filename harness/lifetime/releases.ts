/**
 * A stack of releases: last in, first out, every one tried although others throw. What acquires a thing puts its
 * release here on the next line, so that whatever fails later, everything acquired so far is let go.
 * (Node 20 has no AsyncDisposableStack.)
 */
export class Releases implements AsyncDisposable {
  readonly #stack: { readonly what: string; readonly release: () => unknown }[] = [];

  /** @param what names the thing in errors. */
  add(what: string, release: () => unknown): void {
    this.#stack.push({ what, release });
  }

  use<T extends AsyncDisposable>(what: string, resource: T): T {
    this.add(what, () => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Hands everything held to a new owner; this one then holds nothing. */
  move(): Releases {
    const moved = new Releases();
    moved.#stack.push(...this.#stack.splice(0));
    return moved;
  }

  /** @throws AggregateError naming each release that failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors: Error[] = [];
    for (let top = this.#stack.pop(); top; top = this.#stack.pop()) {
      try {
        await top.release();
      } catch (cause) {
        errors.push(
          new Error(`releasing ${top.what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
            cause,
          }),
        );
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map((e) => e.message).join('; '));
  }
}
