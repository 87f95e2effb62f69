/**
 * What of Xen differs between load bases otherwise than by the base, when it comes to `__start_xen`. Found by comparing real
 * boots of Xen 4.17 on both firmwares; source of the reasons: Xen 4.17's head.S and x86_64.S.
 */
import { MIB } from '../bits/align.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import type { PhysicalRange } from './end-state.ts';
import type { ListedPlace } from './listed-places.ts';
import type { SymmetryFacts } from './symmetry.ts';

/** 4 GiB in pages of 2 MiB. */
const TABLE_BYTES = 4 * PAGE_BYTES;

/** The tables that map the image where it is: all other memory of Xen is the same but for the base. */
const INDEXED = [
  {
    symbol: 'l2_bootmap',
    because: 'it maps the image to where it is, for the way into long mode: at the slots of the load base',
  },
  {
    symbol: 'l2_directmap',
    because: 'it maps the image in the map of all memory: at the slots of the load base',
  },
] as const;

/** @param linkBase of the image */
export function xenListedPlaces(symbols: ImageSymbols, linkBase: number): ListedPlace[] {
  return INDEXED.filter(({ symbol }) => symbols.has(symbol)).map(({ symbol, because }) => ({
    kind: 'indexed by address',
    name: symbol,
    offset: symbols.linkTime(symbol) - linkBase,
    ...{ sizeBytes: TABLE_BYTES, pageBytes: 2 * MIB, because },
  }));
}

/** Where the trampoline, its stack and the boot information's copy are; above it is no memory of Xen's. */
export const LOW_MEMORY: PhysicalRange = { start: 0, end: 0xa_0000 };

/** @param alsoFixed memory beyond {@link LOW_MEMORY} that both runs have, e.g. the firmware's stack. Whole pages. */
export function xenSymmetryFacts(
  symbols: ImageSymbols,
  image: { readonly linkBase: number; readonly loadSize: number },
  alsoFixed: readonly PhysicalRange[] = [],
): SymmetryFacts {
  return {
    imageBytes: image.loadSize,
    fixed: [LOW_MEMORY, ...alsoFixed],
    listed: xenListedPlaces(symbols, image.linkBase),
    nameOf(offset) {
      const near = symbols.nearest(symbols.virtualStart + BigInt(image.linkBase + offset));
      return near && (near.offset === 0n ? near.name : `${near.name}+0x${near.offset.toString(16)}`);
    },
  };
}
