/**
 * The payload drive as a file: a sparse one of a size that says nothing about what is on it, so that a machine that was
 * kept with a blank drive can go on with any other.
 */
import { rm, truncate, writeFile } from 'node:fs/promises';
import { MIB } from '../bits/align.ts';
import { writeError } from '../workdir/folder-errors.ts';

const SMALLEST_BYTES = 64 * MIB;

/** For an archive of that many bytes: 64 MiB, or the next power of two. A firmware keeps the size that it saw first. */
export function driveSizeBytes(archiveSizeBytes: number): number {
  let sizeBytes = SMALLEST_BYTES;
  while (sizeBytes < archiveSizeBytes) sizeBytes *= 2;
  return sizeBytes;
}

/** @throws NoSpaceError, UnwritableFolderError */
export async function writePayloadDrive(path: string, archive: Uint8Array): Promise<void> {
  try {
    await writeFile(path, archive);
    await truncate(path, driveSizeBytes(archive.length));
  } catch (cause) {
    // Half of it would keep the results from being written, too.
    await rm(path, { force: true });
    throw writeError(path, cause);
  }
}

/** What stands in the drive's place while no instance is chosen yet. @throws NoSpaceError, UnwritableFolderError */
export async function writeBlankDrive(path: string, sizeBytes: number): Promise<void> {
  try {
    await writeFile(path, '');
    await truncate(path, sizeBytes);
  } catch (cause) {
    throw writeError(path, cause);
  }
}
