/** Whether an image may be sent to a load base, and if not, why not, in words. */
import { alignDown, isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { type Multiboot2Header } from './image-header.ts';
import { type LoadedImage } from './loaded-image.ts';
import { HIGHEST_ADDRESS, type RelocatableTag, relocatableTag } from './relocatable-tag.ts';

export type ForcedBaseProblemKind =
  'not-relocatable' | 'misaligned' | 'below-window' | 'above-window' | 'above-4gib' | 'beyond-memory';

export interface ForcedBaseProblem {
  readonly kind: ForcedBaseProblemKind;
  /** Names the numbers and the next step. */
  readonly message: string;
}

export interface ForcedBaseRequest {
  /** Load base address asked for. */
  readonly base: number;
  /** The header as built, before any window was forced. */
  readonly header: Multiboot2Header;
  readonly loaded: LoadedImage;
  /** RAM from address 0 up to the hole below 4 GiB, in bytes; left out, memory is not looked at. */
  readonly memory?: { readonly lowRamSizeBytes: number };
  /** Lets a base through that is no multiple of the tag's own align: to see whether the image notices. */
  readonly allowMisaligned?: boolean;
}

type Check = (
  request: ForcedBaseRequest,
  tag: RelocatableTag,
  end: number,
) => readonly [violated: boolean, message: () => string];

const CHECKS: readonly (readonly [ForcedBaseProblemKind, Check])[] = [
  [
    'above-4gib',
    ({ base, loaded }, { align }, end) => [
      end > HIGHEST_ADDRESS,
      () =>
        `base ${hex(base)} + load size ${hex(loaded.loadSize)} = ${hex(end)} is beyond ${hex(HIGHEST_ADDRESS)}; ` +
        `choose a base of at most ${hex(alignDown(HIGHEST_ADDRESS - loaded.loadSize, align))}`,
    ],
  ],
  [
    'below-window',
    ({ base }, { minAddr }) => [
      base < minAddr,
      () => `base ${hex(base)} is below the image's lowest address ${hex(minAddr)}; choose one from there`,
    ],
  ],
  [
    'above-window',
    ({ base, loaded }, { maxAddr, align }, end) => [
      end > maxAddr,
      () =>
        `base ${hex(base)} + load size ${hex(loaded.loadSize)} = ${hex(end)} is above the image's highest address ` +
        `${hex(maxAddr)}; choose a base of at most ${hex(alignDown(Math.max(0, maxAddr - loaded.loadSize), align))}`,
    ],
  ],
  [
    'misaligned',
    ({ base, allowMisaligned }, { align }) => [
      allowMisaligned !== true && !isAligned(base, align),
      () =>
        `base ${hex(base)} is no multiple of the image's alignment ${hex(align, 1)}; choose ` +
        `${hex(base - (base % align))} or ${hex(base - (base % align) + align)}`,
    ],
  ],
  [
    'beyond-memory',
    ({ base, memory }, _tag, end) => [
      memory !== undefined && end > memory.lowRamSizeBytes,
      () =>
        `an image at ${hex(base)} ends at ${hex(end)}, past the machine's memory below 4 GiB ` +
        `(${hex(memory?.lowRamSizeBytes ?? 0)}); choose a lower base, or more memory where the machine has room for it`,
    ],
  ],
];

/** The first problem with this base, or undefined. Firmware may own memory there all the same: only a memory map tells. */
export function checkForcedBase(request: ForcedBaseRequest): ForcedBaseProblem | undefined {
  const tag = relocatableTag(request.header);
  if (!tag) return notRelocatable(request);
  const end = request.base + request.loaded.loadSize;
  for (const [kind, check] of CHECKS) {
    const [violated, message] = check(request, tag, end);
    if (violated) return { kind, message: message() };
  }
  return undefined;
}

function notRelocatable({ base, loaded }: ForcedBaseRequest): ForcedBaseProblem {
  return {
    kind: 'not-relocatable',
    message:
      `the image has no relocatable header tag: it always loads at ${hex(loaded.linkBase)} and cannot be sent to ` +
      `${hex(base)}; ` +
      `leave the base out or build the image relocatable`,
  };
}
