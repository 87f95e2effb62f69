/** What every build is told from outside: where the cache lives, when to stop, and who listens. */

export type BuildProgressState = 'started' | 'done' | 'notice' | 'waiting';

/** One thing worth telling while sources are fetched and built. */
export interface BuildProgress {
  /** What is made: `grub`, `xen`, `source-grub2`. */
  readonly task: string;
  /** The part of it that is under way, in words. */
  readonly step: string;
  readonly state: BuildProgressState;
  /** One sentence more: a notice's text, a chosen version. */
  readonly detail?: string;
  /** With `done`: how long the step took. */
  readonly elapsedMs?: number;
  /** With `started`: how long it took last time on this machine, else on the machine we measured. */
  readonly typicalMs?: number;
}

export interface ToolchainContext {
  /** The cache's folder; made where it is missing. Sources, entries and logs live below it. */
  readonly cacheRoot: string;
  /** Aborting ends the running command's whole group and removes what was half made. */
  readonly signal?: AbortSignal;
  onProgress(event: BuildProgress): void;
}
