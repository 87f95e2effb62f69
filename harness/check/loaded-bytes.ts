/** An image as a loader leaves it in memory. */
import type { BootImage } from '../subject/boot-image.ts';

export interface LoadedBytes {
  /** From the link base to the end of the highest segment; zeros where the file has nothing. */
  readonly master: Uint8Array;
  readonly linkBase: number;
}

export function loadedBytes({ bytes, loaded: { linkBase, loadSize, segments } }: BootImage): LoadedBytes {
  const master = new Uint8Array(loadSize);
  for (const { paddr, offset, filesz } of segments)
    master.set(bytes.subarray(offset, offset + filesz), Number(paddr) - linkBase);
  return { master, linkBase };
}
