/** A source could not be fetched. */
export class SourceUnavailableError extends Error {
  override readonly name = 'SourceUnavailableError';
  constructor(
    readonly source: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(
      `${source} is not in the cache and could not be fetched: ${reason}. ` +
        'Connect to the network once and run again; after that no network is needed.',
      options,
    );
  }
}

/** A folder's files changed between looking at them and copying them. */
export class SourceChangedError extends Error {
  override readonly name = 'SourceChangedError';
  constructor(readonly path: string) {
    super(`files in ${path} changed while they were read; run again when nothing writes there.`);
  }
}
