/** A command of a build failed: which step, the first real error, the last lines, and where the whole log is. */
export class BuildFailedError extends Error {
  override readonly name = 'BuildFailedError';
  constructor(
    /** `grub`, `xen`. */
    readonly task: string,
    readonly step: string,
    /** The first line of the log that names an error. */
    readonly firstError: string,
    /** The log's last lines. */
    readonly tail: string,
    /** Path of the step's whole output. */
    readonly logPath: string,
    options?: ErrorOptions,
  ) {
    super(
      `building ${task} failed in "${step}": ${firstError}\n` +
        `last lines:\n${tail.replace(/^/gm, '  ')}\nwhole log: ${logPath}`,
      options,
    );
  }
}

/** The cache's folder cannot take what a build writes. */
export class CacheFolderError extends Error {
  override readonly name = 'CacheFolderError';
  constructor(
    readonly directory: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(
      `the cache ${directory} cannot be used: ${reason}. A build needs about 500 MB there; ` +
        'make room, or point XDG_CACHE_HOME at another folder, and run again.',
      options,
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on its disk',
  EDQUOT: 'its disk quota is used up',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EROFS: 'its file system is read-only',
  ENOTDIR: 'a part of its path is no folder',
};

/** A file system's error about the cache as the expectation it broke; any other error as it is. */
export function cacheError(cacheRoot: string, cause: unknown): unknown {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof BuildFailedError || error instanceof CacheFolderError) return cause;
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
    const { path } = error as NodeJS.ErrnoException;
    if (reason !== undefined && (path === undefined || path.startsWith(cacheRoot)))
      return new CacheFolderError(cacheRoot, reason, { cause });
  }
  return cause;
}
