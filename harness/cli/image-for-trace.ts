/** Finds the image that a trace was captured of: in the trace, where the user says, or among what was built here. */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, embeddedImage, requireImage, TraceImageError } from '../replay/trace-image.ts';
import { loadSubject } from '../scenario/subject.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import { imageAndSymbols } from './source-options.ts';
import { cacheRoot } from './surroundings.ts';

export interface FoundImage {
  readonly bytes: Uint8Array;
  readonly symbols: ImageSymbols | undefined;
  /** A file that addr2line reads. */
  readonly symbolsPath: string | undefined;
}

/** @param given FILE[,SYMBOLS] @throws TraceImageError, SubjectError, TraceError */
export async function imageForTrace(trace: TraceReader, given: string | undefined): Promise<FoundImage> {
  const { header } = trace;
  if (given !== undefined) {
    const [path, symbolsPath] = imageAndSymbols(given);
    const subject = await loadSubject(
      header.subject.name === 'xen' ? 'xen' : 'kernel',
      path,
      symbolsPath,
      path,
    );
    requireImage(header, subject.image.bytes, path);
    return { bytes: subject.image.bytes, symbols: subject.symbols, symbolsPath: subject.symbolsPath };
  }
  const embedded = embeddedImage(trace);
  if (embedded) return { bytes: embedded, symbols: undefined, symbolsPath: undefined };
  const path = await builtImage(header);
  if (path === undefined)
    throw new TraceImageError(
      `the image of ${header.instance} (${header.subject.name}, SHA-256 ${header.subject.imageSha256.slice(0, 16)}…) was not built here; ` +
        '`npx loadbase build` makes the default ones, --image FILE[,SYMBOLS] names another',
    );
  const beside = join(path, '..', 'xen-syms');
  const symbolsPath = existsSync(beside) ? beside : undefined;
  const subject = await loadSubject(symbolsPath === undefined ? 'kernel' : 'xen', path, symbolsPath, path);
  return { bytes: subject.image.bytes, symbols: subject.symbols, symbolsPath: symbolsPath ?? path };
}

/** Cache entries that hold images. */
const TASKS = /^(xen|specimen)-/;

async function builtImage({ subject }: TraceHeader): Promise<string | undefined> {
  const entries = join(cacheRoot(), 'entries');
  const names = await readdir(entries).catch(() => []);
  for (const name of names.filter((each) => TASKS.test(each)))
    for (const file of await readdir(join(entries, name)).catch(() => [])) {
      const path = join(entries, name, file);
      const { size } = await stat(path).catch(() => ({ size: -1 }));
      if (size !== subject.imageSizeBytes) continue;
      if (digestOf(await readFile(path)) === subject.imageSha256) return path;
    }
  return undefined;
}
