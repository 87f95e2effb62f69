/** The image under test: built from source or given as a file, with its symbols where there are any. */
import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { findMultiboot1Header } from '../multiboot2/multiboot1-header.ts';
import type { SubjectName } from './contract.ts';
import { parseBootImage, type BootImage } from '../subject/boot-image.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';

export interface Subject {
  readonly name: SubjectName;
  readonly image: BootImage;
  readonly symbols: ImageSymbols | undefined;
  readonly symbolsPath: string | undefined;
  readonly imagePath: string;
  readonly sha256: string;
  /** For tables: version or file name. */
  readonly label: string;
  readonly hasMultiboot1: boolean;
}

/** The file the user gave cannot be a subject; the message names file and cause. */
export class SubjectError extends Error {
  override readonly name = 'SubjectError';
}

/** @throws SubjectError */
export async function loadSubject(
  name: SubjectName,
  imagePath: string,
  symbolsPath: string | undefined,
  label: string,
): Promise<Subject> {
  const file = await read(imagePath, 'image');
  const image = named(imagePath, () => parseBootImage(file));
  const symbolFile = symbolsPath === undefined ? undefined : await read(symbolsPath, 'symbol file');
  // xen-syms says more than Xen's own image, which has no symbols of its own use.
  const own = name === 'xen' ? undefined : named(imagePath, () => ImageSymbols.ofImage(image));
  return {
    name,
    image,
    symbols:
      symbolsPath === undefined || symbolFile === undefined
        ? own
        : named(symbolsPath, () =>
            matchingSymbols(new ImageSymbols(symbolFile, image.loaded.linkBase), image),
          ),
    // gdb reads no gzip.
    symbolsPath: symbolsPath ?? (own && image.bytes === file ? imagePath : undefined),
    imagePath,
    sha256: createHash('sha256').update(file).digest('hex'),
    label,
    hasMultiboot1: findMultiboot1Header(image.bytes) !== undefined,
  };
}

/** Symbols of another build would put every checkpoint in the wrong place: compare the code from the link base on. */
function matchingSymbols(symbols: ImageSymbols, image: BootImage): ImageSymbols {
  const { linkBase, segments } = image.loaded;
  const segment = segments.find(({ paddr }) => paddr === BigInt(linkBase));
  const size = segment?.filesz ?? 0;
  const linked = symbols.bytes(BigInt(linkBase) + symbols.virtualStart, size);
  const offset = segment?.offset ?? 0;
  if (!linked || Buffer.compare(linked, image.bytes.subarray(offset, offset + size)) !== 0)
    throw new SubjectError(
      'it is the symbol file of another image: their code differs; give the xen-syms of the same build',
    );
  return symbols;
}

async function read(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new SubjectError(
      `cannot read the ${what} ${path}: ${error instanceof Error ? error.message : String(error)}; give a file`,
      { cause: error },
    );
  }
}

function named<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new SubjectError(`${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
