/** Names, source lines and code for a report, all by link-time address. */
import type { BaseResult, CodePlace } from '../check/contract.ts';
import { type LinkedImage, linkTimeAddress } from '../check/ending-words.ts';
import type { BootImage } from '../subject/boot-image.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Instruction } from '../x86/instruction.ts';
import { decodeAround, listing } from '../x86/listing.ts';
import type { PlaceNames } from '../replay/divergence-text.ts';
import { placeNames } from './place-names.ts';

/** On either side of the one that is told of: five lines in all. */
const AROUND = 2;
/** Room for so many of the longest (15 bytes each), and for the decoder to fall into step. */
const WINDOW_BYTES = 64;
/** An instruction begins where a symbol stands: better than any guess, where it is not far. */
const NEAR_SYMBOL_BYTES = 512n;
/** Two of the longest instructions. */
const LEAST_BYTES = 30n;

/** What a report needs of an image: that of a subject, or of a trace. */
export interface PlacedImage {
  readonly image: {
    readonly bytes: BootImage['bytes'];
    readonly loaded: LinkedImage & {
      readonly segments: readonly Pick<
        BootImage['loaded']['segments'][number],
        'paddr' | 'filesz' | 'offset'
      >[];
    };
  };
  readonly symbols: ImageSymbols | undefined;
  /** A file that addr2line reads. */
  readonly symbolsPath: string | undefined;
}

/** Where the image lay, and what it copied of itself. */
export type Lain = Pick<BaseResult, 'loadBase' | 'copies'>;

export class CheckPlaces {
  readonly #names: PlaceNames;

  private constructor(
    readonly subject: PlacedImage,
    readonly disassembler: Disassembler,
    names: PlaceNames,
  ) {
    this.#names = names;
  }

  /** @param places all whose source line will be asked for; link-time. */
  static async of(
    subject: PlacedImage,
    disassembler: Disassembler,
    places: readonly bigint[],
  ): Promise<CheckPlaces> {
    const { loaded } = subject.image;
    const atLinkBase = {
      ...{ linkBase: loaded.linkBase, loadBase: loaded.linkBase },
      segments: [{ physicalAddress: loaded.linkBase, memorySizeBytes: loaded.loadSize }],
    };
    return new CheckPlaces(subject, disassembler, await placeNames(atLinkBase, subject, places));
  }

  /** `__start+0x10`; of what lies in the image, or at its high addresses, only. */
  symbol(linkTime: bigint): string | undefined {
    return this.#imageOffset(linkTime) === undefined ? undefined : this.#names.symbol(linkTime);
  }

  sourceLine(linkTime: bigint): string | undefined {
    return this.#names.sourceLine(linkTime);
  }

  /** Five lines with the instruction in the middle, as it lay at that base; one line where its code is not the image's. */
  disassembly({ linear, bitness, bytes }: CodePlace, lain: Lain): string[] {
    const linkTime = this.linkTime(linear, lain);
    const around = this.#codeAround(linkTime, bytes);
    const code = around?.bytes ?? this.#first(bytes, bitness);
    const address = linear - BigInt(around?.before ?? 0);
    const instructions = decodeAround(this.disassembler, code, {
      ...{ bitness, address, pc: linear, before: AROUND, after: AROUND },
    });
    const own = new Set(instructions.map((one: Instruction) => one.address));
    return listing(instructions, {
      pc: linear,
      // The instruction's own name stands above; lines of code stay short.
      symbolise: (at) => (own.has(at) ? undefined : this.symbol(this.linkTime(at, lain))),
    });
  }

  #first(bytes: Uint8Array, bitness: CodePlace['bitness']): Uint8Array {
    const [first] = this.disassembler.decode(bytes, { bitness, address: 0n, limit: 1 });
    return first?.bytes ?? bytes;
  }

  linkTime(linear: bigint, { loadBase, copies }: Lain): bigint {
    return linkTimeAddress(linear, loadBase, this.subject.image.loaded, copies);
  }

  /** The file's bytes on either side, with the instruction as it stood in memory; undefined where the file has none. */
  #codeAround(linkTime: bigint, own: Uint8Array): { bytes: Uint8Array; before: number } | undefined {
    const { loaded, bytes: file } = this.subject.image;
    const offset = this.#imageOffset(linkTime);
    if (offset === undefined) return undefined;
    const physical = BigInt(loaded.linkBase) + offset;
    const segment = loaded.segments.find(
      ({ paddr, filesz }) => physical >= paddr && physical < paddr + BigInt(filesz),
    );
    if (!segment) return undefined;
    const at = segment.offset + Number(physical - segment.paddr);
    const before = Math.min(this.#bytesBefore(linkTime), at - segment.offset);
    const end = Math.min(at + WINDOW_BYTES, segment.offset + segment.filesz);
    const bytes = Uint8Array.from(file.subarray(at - before, end));
    bytes.set(own.subarray(0, bytes.length - before), before);
    return { bytes, before };
  }

  /** To a symbol far enough before that two instructions fit between, or a guess. */
  #bytesBefore(linkTime: bigint): number {
    const { symbols } = this.subject;
    for (let back = 0n; symbols && back <= NEAR_SYMBOL_BYTES;) {
      const found = symbols.nearest(this.#virtual(linkTime - back - 1n));
      if (!found) break;
      back += found.offset + 1n;
      if (back >= LEAST_BYTES && back <= NEAR_SYMBOL_BYTES) return Number(back);
    }
    return WINDOW_BYTES;
  }

  /** As symbols have it: high. */
  #virtual(linkTime: bigint): bigint {
    const start = this.subject.symbols?.virtualStart ?? 0n;
    return linkTime >= start ? linkTime : linkTime + start;
  }

  /** Bytes from the image's start, of a link-time or high address. */
  #imageOffset(linkTime: bigint): bigint | undefined {
    const { image, symbols } = this.subject;
    const { linkBase, loadSize } = image.loaded;
    const within = (physical: bigint) => {
      const offset = physical - BigInt(linkBase);
      return offset >= 0n && offset < BigInt(loadSize) ? offset : undefined;
    };
    return within(linkTime) ?? (symbols && within(linkTime - symbols.virtualStart));
  }
}
