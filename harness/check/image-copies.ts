/**
 * Where an image has copied a part of itself, as a trampoline below 1 MiB: what is executed elsewhere has the bytes that the
 * image has. Pure.
 */
import type { ForeignCode, ImageCopy } from './executed-instructions.ts';
import type { LoadedBytes } from './loaded-bytes.ts';

/** So many are looked up: each is a search through the image. */
const MOST_SEARCHED = 64;

/** @returns at most one: the distance that most of the code has, as far as that was executed. */
export function imageCopies(foreign: readonly ForeignCode[], image: LoadedBytes): ImageCopy[] {
  const distance = commonDistance(foreign, image);
  if (distance === undefined) return [];
  // Some bytes are changed in the copy, so that not all are alike.
  const places = foreign.map(({ physical }) => physical);
  const inside = places.filter((physical) => isIn(image, physical + distance));
  const address = Math.min(...inside);
  const longest = Math.max(...foreign.map(({ bytes }) => bytes.length));
  const sizeBytes = Math.max(...inside) + longest - address;
  return [{ address, linkTime: address + distance, sizeBytes }];
}

function isIn({ master, linkBase }: LoadedBytes, linkTime: number): boolean {
  return linkTime >= linkBase && linkTime < linkBase + master.length;
}

/** Link time − physical. */
function commonDistance(foreign: readonly ForeignCode[], image: LoadedBytes): number | undefined {
  const votes = new Map<number, number>();
  const master = Buffer.from(image.master.buffer, image.master.byteOffset, image.master.length);
  const every = Math.max(1, Math.floor(foreign.length / MOST_SEARCHED));
  for (const [index, { physical, bytes }] of foreign.entries()) {
    const at = index % every === 0 ? master.indexOf(bytes) : -1;
    if (at < 0) continue;
    const distance = image.linkBase + at - physical;
    votes.set(distance, (votes.get(distance) ?? 0) + 1);
  }
  return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0];
}
