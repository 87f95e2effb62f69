import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { LockError } from '../process/errors.ts';
import { acquireLock } from '../process/lock.ts';
import { writeError } from '../workdir/folder-errors.ts';

/** Two runs in one folder would overwrite each other's results. */
export class RunGoingOnError extends Error {
  override readonly name = 'RunGoingOnError';
  constructor(readonly folder: string) {
    super(`a run is going on in ${folder}; wait for its end, or choose another folder`);
  }
}

export const LOCK_FILE = '.lock';

/**
 * Holds a run's folder until disposed, or until this process ends, however it does.
 * @throws RunGoingOnError, UnwritableFolderError, LockError
 */
export async function holdRunFolder(folder: string): Promise<AsyncDisposable> {
  const onWait = () => {
    throw new RunGoingOnError(folder);
  };
  try {
    return await acquireLock(join(folder, LOCK_FILE), { onWait });
  } catch (error) {
    if (error instanceof LockError) await requireWritable(folder);
    throw error;
  }
}

async function requireWritable(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw writeError(join(folder, LOCK_FILE), cause);
  });
}
