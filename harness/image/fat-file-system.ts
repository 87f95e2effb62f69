/** FAT file systems for UEFI, made in plain files by mtools: no mount, no root. */
import { posix } from 'node:path';
import { pack, type PackingOptions } from './packing-tools.ts';

export interface FatFileSystem {
  /** The file that holds it. */
  readonly image: string;
  /** Where in that file it starts; 0 where left out. */
  readonly offsetBytes?: number;
  /** In 512-byte sectors, which are the clusters too. */
  readonly sectors: number;
  /** 8 hexadecimal digits. */
  readonly serial: string;
  readonly label: string;
}

export interface FatFile {
  /** e.g. `/EFI/BOOT/BOOTX64.EFI`. */
  readonly path: string;
  readonly source: string;
}

/**
 * Formats the range and copies `files` into it, in order.
 * @throws CommandFailedError (the files do not fit, say), CommandMissingError naming mtools.
 */
export async function makeFatFileSystem(
  fat: FatFileSystem,
  files: readonly FatFile[],
  options: PackingOptions = {},
): Promise<void> {
  const drive = ['-i', `${fat.image}@@${fat.offsetBytes ?? 0}`];
  const hiddenSectors = String((fat.offsetBytes ?? 0) / 512);
  const shape = ['-T', String(fat.sectors), '-c', '1', '-h', '16', '-s', '63', '-H', hiddenSectors];
  await pack('mformat', [...drive, ...shape, '-N', fat.serial, '-v', fat.label, '::'], options);
  const folders = [...new Set(files.flatMap(({ path }) => foldersAbove(path)))];
  if (folders.length > 0) await pack('mmd', [...drive, ...folders.map((path) => `::${path}`)], options);
  for (const { path, source } of files) await pack('mcopy', [...drive, source, `::${path}`], options);
}

/** `/a/b/c` is in `/a` and `/a/b`; outermost first. */
function foldersAbove(path: string): string[] {
  const folder = posix.dirname(path);
  return folder === '/' ? [] : [...foldersAbove(folder), folder];
}
