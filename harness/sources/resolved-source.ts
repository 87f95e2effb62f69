/** A source whose content is known, ready to be laid out. */
export interface ResolvedSource {
  /** Changes whenever the content does; part of every cache key. */
  readonly digest: string;
  /** For people: `debian 2.06-13+deb12u2`, `xen-clone#staging (1a2b3c4d5e6f)`. */
  readonly label: string;
  /**
   * Lays the source out in `into`, which must be an existing empty folder.
   * @throws SourceUnavailableError, SourceChangedError, CommandFailedError
   */
  materialise(into: string): Promise<void>;
}
