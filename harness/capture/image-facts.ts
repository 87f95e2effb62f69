/** What a trace's header says of the image: which file, what was changed in it, where its bytes lie in memory. Pure. */
import { encodeHex } from '../bits/hex.ts';
import type { LoadedImage } from '../multiboot2/loaded-image.ts';
import { digestOf } from '../replay/trace-image.ts';
import type { TraceHeader } from '../trace/trace-header.ts';

type SubjectHeader = TraceHeader['subject'];

export interface CapturedImage {
  readonly name: string;
  /** The image file's bytes, unpacked. */
  readonly file: Uint8Array;
  /** What was booted: the same but for a few bytes, such as the tag that forces a base. */
  readonly booted: Uint8Array;
  readonly loaded: LoadedImage;
  readonly loadBase: number;
}

export function imageFacts({ name, file, booted, loaded, loadBase }: CapturedImage): SubjectHeader {
  const moved = loadBase - loaded.linkBase;
  return {
    name,
    imageSha256: digestOf(file),
    imageSizeBytes: file.length,
    changes: changesOf(file, booted),
    linkBase: loaded.linkBase,
    loadBase,
    segments: loaded.segments.map(({ paddr, offset, filesz, memsz }) => ({
      physicalAddress: Number(paddr) + moved,
      imageOffset: offset,
      fileSizeBytes: filesz,
      memorySizeBytes: memsz,
    })),
  };
}

/** Bytes in a row that differ. */
function changesOf(file: Uint8Array, booted: Uint8Array): SubjectHeader['changes'] {
  const changes: { imageOffset: number; bytes: string }[] = [];
  for (let at = 0; at < file.length; at++) {
    if (file[at] === booted[at]) continue;
    const start = at;
    while (at < file.length && file[at] !== booted[at]) at++;
    changes.push({ imageOffset: start, bytes: encodeHex(booted.slice(start, at)) });
  }
  return changes;
}
