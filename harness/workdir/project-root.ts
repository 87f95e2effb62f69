import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** No folder above the program is loadbase's own. */
export class ProjectRootError extends Error {
  override readonly name = 'ProjectRootError';
  constructor(readonly start: string) {
    super(
      `no folder from ${start} upwards has a package.json named "loadbase"; run it from a whole checkout`,
    );
  }
}

/**
 * loadbase's own folder, found upwards from here: the same for the sources and for dist/.
 * @param start where to begin; for tests.
 * @throws ProjectRootError
 */
export function projectRoot(start: string = import.meta.dirname): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (packageName(folder) === 'loadbase') return folder;
    if (folder === dirname(folder)) throw new ProjectRootError(start);
  }
}

function packageName(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name;
  } catch {
    // No package.json, or not one that can be read: this folder is not ours.
    return undefined;
  }
}
