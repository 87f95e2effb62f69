import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where a source comes from, as the user said it. */
export type SourceSpec =
  | { readonly kind: 'debian'; readonly package: string }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'git'; readonly path: string; readonly revision: string };

/** The text names no source. */
export class SourceSpecError extends Error {
  override readonly name = 'SourceSpecError';
  constructor(
    readonly text: string,
    readonly reason: string,
  ) {
    super(
      `${JSON.stringify(text)} names no source: ${reason}. Give "debian", a folder, or folder#revision of a git clone.`,
    );
  }
}

/**
 * Reads `debian`, `FOLDER` or `FOLDER#REVISION`. A folder whose own name has a `#` is taken as a folder.
 * @param debianPackage the Debian source package that `debian` stands for.
 * @param directory relative folders are below it.
 * @throws SourceSpecError
 */
export function parseSourceSpec(text: string, debianPackage: string, directory = '.'): SourceSpec {
  if (text === 'debian') return { kind: 'debian', package: debianPackage };
  if (text === '') throw new SourceSpecError(text, 'it is empty');
  const whole = resolve(directory, text);
  const hash = text.lastIndexOf('#');
  if (hash < 0 || existsSync(whole)) return { kind: 'folder', path: existingFolder(text, whole) };
  const revision = text.slice(hash + 1);
  if (revision === '' || revision.startsWith('-'))
    throw new SourceSpecError(text, `${JSON.stringify(revision)} is no revision`);
  return { kind: 'git', path: existingFolder(text, resolve(directory, text.slice(0, hash))), revision };
}

function existingFolder(text: string, path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new SourceSpecError(text, `there is no ${path}`);
  if (!found.isDirectory()) throw new SourceSpecError(text, `${path} is not a folder`);
  return path;
}
