import { randomBytes } from 'node:crypto';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeError } from './folder-errors.ts';

/**
 * Writes a file so that a reader, and a machine that loses power, sees the old bytes or the new ones, never half:
 * a temporary file beside it, fsync(2), rename(2), fsync of the folder.
 * @throws NoSpaceError, UnwritableFolderError; the old file then stands.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeSynced(temporary, data);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw writeError(path, cause);
  }
}

/**
 * Writes a file that nobody else waits for: evidence, say. Nothing is synced to the disk, which would cost a boot more
 * than its own console does (fsync(2) waits for all that the folder's file system has to write).
 * @throws NoSpaceError, UnwritableFolderError
 */
export async function writeFilePlain(path: string, data: string | Uint8Array): Promise<void> {
  try {
    await writeFile(path, data);
  } catch (cause) {
    throw writeError(path, cause);
  }
}

async function writeSynced(path: string, data: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
