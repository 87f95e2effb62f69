import { dirname } from 'node:path';

/** Nothing can be written in a folder. */
export class UnwritableFolderError extends Error {
  override readonly name = 'UnwritableFolderError';
  constructor(
    readonly folder: string,
    cause: unknown,
  ) {
    super(
      `can not write in ${folder} (${codeOf(cause) ?? String(cause)}); choose another folder with --out`,
      {
        cause,
      },
    );
  }
}

/** The file system of a folder is full, or its quota is used up. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError';
  constructor(
    readonly folder: string,
    cause: unknown,
  ) {
    super(`no space left in ${folder}; free some, or choose another folder with --out`, { cause });
  }
}

const NO_SPACE = ['ENOSPC', 'EDQUOT'];
const UNWRITABLE = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT'];

/**
 * A file system's error (errno(3)) on writing `path`, as the expectation it broke: NoSpaceError or
 * UnwritableFolderError of its folder; other errors as they are.
 */
export function writeError(path: string, cause: unknown): Error {
  const code = codeOf(cause);
  if (code !== undefined && NO_SPACE.includes(code)) return new NoSpaceError(dirname(path), cause);
  if (code !== undefined && UNWRITABLE.includes(code)) return new UnwritableFolderError(dirname(path), cause);
  return cause instanceof Error ? cause : new Error(String(cause));
}

function codeOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}
