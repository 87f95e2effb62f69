/**
 * The payload drive as a file: a sparse one of a size that says nothing about what is on it, so that a machine that was
 * kept with a blank drive can go on with any other.
 */
import { open, rm, truncate, writeFile } from 'node:fs/promises';
import { MIB } from '../bits/align.ts';
import { archiveSizeBytes, payloadPieces, type Payload } from './payload.ts';
import { writeError } from '../workdir/folder-errors.ts';

const SMALLEST_BYTES = 64 * MIB;

/** For an archive of that many bytes: 64 MiB, or the next power of two. A firmware keeps the size that it saw first. */
export function driveSizeBytes(archiveSizeBytes: number): number {
  let sizeBytes = SMALLEST_BYTES;
  while (sizeBytes < archiveSizeBytes) sizeBytes *= 2;
  return sizeBytes;
}

/** @throws PayloadError, NoSpaceError, UnwritableFolderError */
export async function writePayloadDrive(path: string, payload: Payload): Promise<void> {
  const pieces = await payloadPieces(payload);
  try {
    await using file = await open(path, 'w');
    // Not writev(2), which on a full disk writes a part and calls that a success.
    for (const piece of pieces) await file.appendFile(piece);
    await file.truncate(driveSizeBytes(archiveSizeBytes(payload)));
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
