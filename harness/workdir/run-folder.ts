import { randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NoSpaceError, UnwritableFolderError, writeError } from './folder-errors.ts';
import { projectRoot } from './project-root.ts';

/** A name that can not be a folder's. */
export class FolderNameError extends Error {
  override readonly name = 'FolderNameError';
  constructor(readonly wanted: string) {
    super(`${JSON.stringify(wanted)} can not name a folder; letters, digits and . _ ~ + - can`);
  }
}

/** Names one file system entry: no separator, no control character, not hidden, within NAME_MAX (255). */
const FOLDER_NAME = /^[A-Za-z0-9_~+-][A-Za-z0-9._~+-]{0,254}$/;

/** A run's name; names sort by start: `20261123T134501Z-1a2b` (UTC, ISO 8601 basic format, and 16 random bits). */
export function runId(startedAt: Date = new Date(), random: Uint8Array = randomBytes(2)): string {
  const stamp = startedAt
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '');
  return `${stamp}-${Buffer.from(random).toString('hex')}`;
}

/** A run's folder, which exists. */
export interface RunFolder {
  readonly id: string;
  readonly path: string;
}

/**
 * Makes `<base>/<run id>`.
 * @param base default: results/runs of this checkout.
 * @throws UnwritableFolderError, NoSpaceError
 */
export async function createRunFolder(base = join(projectRoot(), 'results', 'runs')): Promise<RunFolder> {
  const id = runId();
  return { id, path: await makeFolder(join(base, id)) };
}

/**
 * Makes the folder of one instance in a run's folder, named after it.
 * @throws FolderNameError, UnwritableFolderError, NoSpaceError
 */
export async function instanceFolder(runPath: string, instance: string): Promise<string> {
  if (!FOLDER_NAME.test(instance)) throw new FolderNameError(instance);
  return makeFolder(join(runPath, instance));
}

/**
 * Makes a folder and those above it; one that is there is no error.
 * @throws UnwritableFolderError, NoSpaceError
 */
export async function makeFolder(path: string): Promise<string> {
  try {
    await makeWithParents(path);
    return path;
  } catch (cause) {
    const error = writeError(join(path, 'x'), cause);
    throw error instanceof NoSpaceError || error instanceof UnwritableFolderError
      ? error
      : new UnwritableFolderError(path, cause);
  }
}

/** Not `mkdir(…, { recursive: true })`: Node 20's never returns below /proc, where making a folder gives ENOENT. */
async function makeWithParents(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeWithParents(dirname(path));
      await mkdir(path).catch(async (again: unknown) => requireFolder(path, again));
    } else await requireFolder(path, error);
  }
}

/** Throws `error` unless there is a folder at `path` after all. */
async function requireFolder(path: string, error: unknown): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) throw error;
}
