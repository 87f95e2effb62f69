/** The mutants of an image's way through one entry: what it executes is found by running it, at two bases. */
import type { ImageChecker } from './model-checker.ts';
import { basesToCheck, isMisaligned } from './bases.ts';
import { ExecutionRecorder, type ImageCopy, type ImagePlace } from './executed-instructions.ts';
import { imageCopies } from './image-copies.ts';
import { loadedBytes } from './loaded-bytes.ts';
import { type Mutants, mutantsOf } from './mutants.ts';
import { type BaseRun, rolesByComparison } from './mutant-roles.ts';
import { representative } from './representative.ts';
import type { PlacedImage } from './bases.ts';

/** Xen takes 44,000 instructions. */
const BOUND = 5_000_000;

/** It cannot be moved, or its own run does not come to its end: nothing can be learnt from mutants of it. */
export class NotMutableError extends Error {
  override readonly name = 'NotMutableError';
}

/**
 * Where mutants are judged, the most telling first: a base that a real machine can load it at, too; one at which the image
 * lies over where it was linked; one with the sign bit set; misaligned ones.
 * @throws NotMutableError, BaseNotAllowedError
 */
export function basesForMutants(image: PlacedImage): readonly number[] {
  const { linkBase, loadSize } = image.loaded;
  const telling = basesToCheck('telling', image);
  const moved = telling.filter((base) => !isMisaligned(base, image) && base !== linkBase);
  const apart = moved.filter((base) => Math.abs(base - linkBase) >= loadSize);
  const first = representative(
    apart.map((loadBase) => ({ loadBase })),
    linkBase,
  )?.loadBase;
  if (first === undefined)
    throw new NotMutableError('it is loaded where it was linked only: no base can be forgotten');
  const overlapping = moved.filter((base) => !apart.includes(base)).slice(-1);
  const highest = apart.filter((base) => base >= 2 ** 31).slice(0, 1);
  const misaligned = telling.filter((base) => isMisaligned(base, image)).slice(0, 1);
  return [...new Set([first, ...misaligned, ...overlapping, ...highest])];
}

/** @throws NotMutableError; what the model throws. */
export function mutantsOfImage(checker: ImageChecker): Mutants {
  const { image, disassembler } = checker;
  const [first, ...others] = basesForMutants(image).filter((base) => !isMisaligned(base, image));
  const second = others.at(-1);
  if (first === undefined || second === undefined)
    throw new NotMutableError(
      'its header allows one other base only: what follows the base cannot be told by comparison',
    );
  const [here, there] = [recorded(checker, first), recorded(checker, second)];
  const { roles, uncompared } = rolesByComparison(here, there);
  const { copies } = here;
  const symbolAt = symbolNames(checker);
  const made = mutantsOf({ image, roles, disassembler, copies, symbolAt });
  const otherwise = uncompared.map(({ linkTime, bytes, bitness }) => {
    const [instruction] = disassembler.decode(bytes, { bitness, address: BigInt(linkTime), limit: 1 });
    const symbol = symbolAt(linkTime);
    return {
      ...{ kind: 'computed' as const, linkTime, original: instruction?.text ?? '(bad)' },
      ...(symbol !== undefined && { symbol }),
      reason: 'it is executed otherwise at another base, so that nothing can be compared',
    };
  });
  return { ...made, unmade: [...made.unmade, ...otherwise] };
}

interface RecordedRun extends BaseRun {
  readonly copies: readonly ImageCopy[];
}

function recorded(checker: ImageChecker, loadBase: number): RecordedRun {
  const recorder = new ExecutionRecorder(checker.disassembler);
  checker.bootAt(loadBase).runBy(recorder.run, { loadBase, bound: BOUND });
  const loaded = loadedBytes(checker.image);
  const { linkBase, master } = loaded;
  const place: ImagePlace = { linkBase, loadBase, sizeBytes: master.length, copies: [] };
  const copies = imageCopies(recorder.outside(place), loaded);
  return { instructions: recorder.instructions({ ...place, copies }), base: loadBase - linkBase, copies };
}

function symbolNames({ knowledge: { symbols } }: ImageChecker): (linkTime: number) => string | undefined {
  return (linkTime) => {
    const near = symbols?.nearest(BigInt(linkTime) + symbols.virtualStart);
    return near && `${near.name}+0x${near.offset.toString(16)}`;
  };
}
