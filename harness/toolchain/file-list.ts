import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Every file and symbolic link below `root`, as sorted relative paths; folders appear only through what is in them,
 * sockets, pipes and devices not at all.
 * @param skip leaves out an entry (and, for a folder, all below it) by its relative path.
 */
export async function listFiles(
  root: string,
  skip: (relativePath: string) => boolean = () => false,
): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    await Promise.all(
      entries.map((entry) => take(entry, folder === '' ? entry.name : `${folder}/${entry.name}`)),
    );
  };
  const take = async (entry: Dirent, path: string): Promise<void> => {
    if (skip(path)) return;
    if (entry.isDirectory()) await visit(path);
    else if (entry.isFile() || entry.isSymbolicLink()) found.push(path);
  };
  await visit('');
  return found.sort();
}
