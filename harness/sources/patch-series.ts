import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BuildFailedError } from '../toolchain/build-failed-error.ts';
import { digestOfBytes } from '../toolchain/digest.ts';
import type { Workshop } from '../toolchain/workshop.ts';

/** One patch of a series. */
export interface Patch {
  readonly name: string;
  readonly path: string;
  /** Leading path parts to drop, as for `patch -p`. */
  readonly strip: number;
  /** SHA-256 of its bytes. */
  readonly digest: string;
}

/** The folder holds no series that can be read. */
export class PatchSeriesError extends Error {
  override readonly name = 'PatchSeriesError';
  constructor(
    readonly directory: string,
    readonly reason: string,
  ) {
    super(
      `no patches can be taken from ${directory}: ${reason}. It needs a series file, or files named *.patch.`,
    );
  }
}

/** A patch does not fit the source. */
export class PatchFailedError extends Error {
  override readonly name = 'PatchFailedError';
  constructor(
    readonly patch: string,
    /** The source's file; undefined where the patch was refused before it came to one. */
    readonly file: string | undefined,
    /** Counting from 1 within the file; undefined where no single hunk is to blame. */
    readonly hunk: number | undefined,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    const place = [file, hunk === undefined ? undefined : `hunk ${hunk}`].filter(
      (part) => part !== undefined,
    );
    super(
      `patch ${patch} does not apply${place.length === 0 ? '' : ` to ${place.join(', ')}`}: ${reason}. ` +
        'Rebase it on this source, or leave it out of the series.',
      options,
    );
  }
}

/**
 * Reads a folder's series: the `series` file where there is one (quilt's form: a name a line, `-pN` after it,
 * `#` comments), else all `*.patch` by name.
 * @throws PatchSeriesError
 */
export async function readPatchSeries(directory: string): Promise<Patch[]> {
  const names = await readdir(directory).catch(() => undefined);
  if (names === undefined) throw new PatchSeriesError(directory, 'it is not a folder that can be read');
  const entries = names.includes('series')
    ? seriesEntries(await readFile(join(directory, 'series'), 'utf8'))
    : names
        .filter((name) => name.endsWith('.patch'))
        .sort()
        .map((name) => ({ name, strip: 1 }));
  if (entries.length === 0) throw new PatchSeriesError(directory, 'it names none');
  return await Promise.all(entries.map((entry) => readPatch(directory, entry)));
}

function seriesEntries(text: string): { name: string; strip: number }[] {
  return text
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', ...options] = line.split(/\s+/);
      const strip = options
        .map((option) => /^-p(\d+)$/.exec(option)?.[1])
        .find((found) => found !== undefined);
      return { name, strip: strip === undefined ? 1 : Number(strip) };
    });
}

async function readPatch(
  directory: string,
  { name, strip }: { name: string; strip: number },
): Promise<Patch> {
  const path = join(directory, name);
  try {
    return { name, path, strip, digest: digestOfBytes(await readFile(path)) };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new PatchSeriesError(directory, `its series names ${name}, which cannot be read (${code})`);
  }
}

/**
 * Applies the series in order to the tree at `root`. Context must match exactly (no fuzz): a hunk put in the wrong
 * place would make the verdict about something else than what its author wrote.
 * @throws PatchFailedError naming patch, file and hunk; CommandMissingError
 */
export async function applyPatchSeries(
  root: string,
  patches: readonly Patch[],
  workshop: Workshop,
): Promise<void> {
  for (const { name, path, strip } of patches) {
    const flags = [
      '--batch',
      '--forward',
      '--fuzz=0',
      '--no-backup-if-mismatch',
      '--reject-file=-',
      '--get=0',
    ];
    try {
      await workshop.command(`patch ${name}`, 'patch', [...flags, `--strip=${strip}`, `--input=${path}`], {
        cwd: root,
      });
    } catch (cause) {
      if (!(cause instanceof BuildFailedError)) throw cause;
      throw patchFailure(name, await readFile(cause.logPath, 'utf8'), cause);
    }
  }
}

/** Reads what GNU patch printed (its messages in the C locale). */
export function patchFailure(patch: string, output: string, cause?: unknown): PatchFailedError {
  let file: string | undefined;
  for (const line of output.split('\n')) {
    file = /^patching (?:file|symbolic link) '?(.+?)'?(?: \(.*\))?$/.exec(line)?.[1] ?? file;
    const failed = /^Hunk #(\d+) FAILED at (\d+)/.exec(line);
    if (failed)
      return new PatchFailedError(patch, file, Number(failed[1]), `its context is not at line ${failed[2]}`, {
        cause,
      });
    if (/^Reversed \(or previously applied\)/.test(line))
      return new PatchFailedError(patch, file, 1, 'the source has this change already', { cause });
    if (/^can't find file to patch/.test(line)) {
      const named = /^(?:\|)?\+\+\+ (\S+)/m.exec(output)?.[1];
      return new PatchFailedError(
        patch,
        named && basename(named) && named,
        undefined,
        'the source has no such file',
        { cause },
      );
    }
  }
  return new PatchFailedError(patch, file, undefined, output.trim().split('\n').at(-1) ?? 'patch failed', {
    cause,
  });
}
