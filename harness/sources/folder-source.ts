import { cp, lstat, readlink, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import pLimit from 'p-limit';
import { digestOfBytes, digestOfFile } from '../toolchain/digest.ts';
import { listFiles } from '../toolchain/file-list.ts';
import type { ResolvedSource } from './resolved-source.ts';
import { SourceChangedError } from './source-errors.ts';

/** A folder taken as it is: every file but those of `.git`, ignored by git or not. */
export async function resolveFolderSource(folder: string): Promise<ResolvedSource> {
  const path = await realpath(folder);
  const digest = await digestOfFolder(path);
  return {
    digest,
    label: `${basename(path)} (${digest.slice(0, 12)})`,
    async materialise(into) {
      const filter = (from: string): boolean => !isGitData(from.slice(path.length + 1));
      await cp(path, into, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, filter });
      if ((await digestOfFolder(into)) !== digest) throw new SourceChangedError(path);
    },
  };
}

/** SHA-256 over the sorted paths, permission bits, link targets and contents of all files but `.git`. */
export async function digestOfFolder(path: string): Promise<string> {
  const limit = pLimit(16);
  const files = await listFiles(path, isGitData);
  const lines = await Promise.all(files.map((file) => limit(() => describe(path, file))));
  return digestOfBytes(lines.join('\n'));
}

/** `.git` is a folder in a clone and a file in a linked work tree. */
function isGitData(relativePath: string): boolean {
  return relativePath === '.git' || relativePath.startsWith('.git/');
}

async function describe(root: string, file: string): Promise<string> {
  const path = join(root, file);
  const found = await lstat(path);
  const content = found.isSymbolicLink()
    ? `link ${await readlink(path)}`
    : `${(found.mode & 0o777).toString(8)} ${await digestOfFile(path, found.size)}`;
  return `${JSON.stringify(file)} ${content}`;
}
