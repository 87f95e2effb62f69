/** All that one run of the specimen is given: code of three modes and the bytes it works on. */
import type { Bitness } from '../x86/execute/cpu.ts';
import { SCRATCH_BYTES } from './places.ts';
import { Random } from './random.ts';
import { howManyFit, layOut, type Region } from './region.ts';
import { randomSequence, type Sequence } from './sequence.ts';

export const MODES: readonly Bitness[] = [32, 64, 16];

export interface Program {
  readonly sequences: readonly Sequence[];
  /** One of each mode. */
  readonly regions: readonly Region[];
  /** What scratch memory holds before. */
  readonly scratch: Uint8Array;
}

/** A place in the specimen's image file. */
export interface ImagePlace {
  readonly fileOffset: number;
  readonly sizeBytes: number;
}

/** @param count sequences of each mode, or as many as there is room for. The same for the same seed. */
export function randomProgram(seed: number, count: number): Program {
  const random = new Random(seed);
  const sequences = MODES.flatMap((bitness) => {
    const some = Array.from({ length: count }, () => randomSequence(random, bitness));
    return some.slice(0, howManyFit(bitness, some));
  });
  return programOf(sequences, random.bytes(SCRATCH_BYTES));
}

/** @throws RegionFullError */
export function programOf(sequences: readonly Sequence[], scratch: Uint8Array): Program {
  const regions = MODES.map((bitness) =>
    layOut(
      bitness,
      sequences.filter((sequence) => sequence.bitness === bitness),
    ),
  );
  return { sequences, regions, scratch };
}

/**
 * The image with the program in it.
 * @param placeOf the place of `scratch`, `region16`, `region32`, `region64` in the file
 * @throws RangeError where a place is too small
 */
export function imageWith(
  image: Uint8Array,
  program: Program,
  placeOf: (part: string) => ImagePlace,
): Uint8Array {
  const changed = image.slice();
  const put = (part: string, bytes: Uint8Array): void => {
    const { fileOffset, sizeBytes } = placeOf(part);
    if (bytes.length > sizeBytes)
      throw new RangeError(`${part} takes ${sizeBytes} bytes, not ${bytes.length}`);
    changed.set(bytes, fileOffset);
  };
  put('scratch', program.scratch);
  for (const { bitness, bytes } of program.regions) put(`region${bitness}`, bytes);
  return changed;
}
