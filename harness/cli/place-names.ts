/** Symbols and source lines for addresses of a run: the image where it was loaded, and where it is linked. */
import { run } from '../process/run.ts';
import type { PlaceNames } from '../replay/divergence-text.ts';
import type { FoundImage } from './image-for-trace.ts';

const ADDR2LINE_MS = 20_000;

/** Where an image lay while it ran. */
export interface LoadedPlace {
  readonly linkBase: number;
  readonly loadBase: number;
  /** As loaded. */
  readonly segments: readonly { readonly physicalAddress: number; readonly memorySizeBytes: number }[];
}

/** @param places all addresses that will be asked for their source line */
export async function placeNames(
  loaded: LoadedPlace,
  { symbols, symbolsPath }: Pick<FoundImage, 'symbols' | 'symbolsPath'>,
  places: readonly bigint[],
): Promise<PlaceNames> {
  if (!symbols) return { symbol: () => undefined, sourceLine: () => undefined };
  const linked = (linear: bigint) => linkedAddress(loaded, linear, symbols.virtualStart);
  const lines = symbolsPath === undefined ? [] : await sourceLines(symbolsPath, places.map(linked));
  const byPlace = new Map(places.map((place, index) => [place, lines[index]]));
  return {
    symbol: (linear) => {
      const found = symbols.nearest(linked(linear));
      return found && `${found.name}${found.offset === 0n ? '' : `+0x${found.offset.toString(16)}`}`;
    },
    sourceLine: (linear) => byPlace.get(linear),
  };
}

/** Where the image runs at its load base, the address it is linked at; all others are linked addresses already. */
function linkedAddress(
  { segments, loadBase, linkBase }: LoadedPlace,
  linear: bigint,
  virtualStart: bigint,
): bigint {
  const isLoaded = segments.some(
    ({ physicalAddress, memorySizeBytes }) =>
      linear >= BigInt(physicalAddress) && linear < BigInt(physicalAddress + memorySizeBytes),
  );
  return isLoaded ? linear - BigInt(loadBase - linkBase) + virtualStart : linear;
}

/** As addr2line (binutils) prints them; none where it is not installed or knows none. */
async function sourceLines(file: string, addresses: readonly bigint[]): Promise<(string | undefined)[]> {
  try {
    const args = ['-e', file, ...addresses.map((address) => address.toString(16))];
    const { stdout } = await run('addr2line', args, { timeoutMs: ADDR2LINE_MS });
    return stdout
      .split('\n')
      .map((line) => (line.startsWith('??') || line === '' ? undefined : cleaned(line)));
  } catch {
    return [];
  }
}

/** `./xen/arch/x86/boot/head.S:512 (discriminator 2)` */
function cleaned(line: string): string | undefined {
  const [place = ''] = line.split(' ');
  return /:(\?|0)$/.test(place) ? undefined : place.replace(/^\.\//, '');
}
