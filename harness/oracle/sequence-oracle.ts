/**
 * Programs of random sequences as QEMU runs them, against the model: the specimen is booted with the program in its image,
 * captured by QEMU's own log, and each state on the way is compared with the model's.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootOptions } from '../boot/boot-record.ts';
import type { SubjectDriver } from '../boot/subject-driver.ts';
import { capture, type Captured } from '../capture/capture.ts';
import type { ModelNote } from '../capture/follower.ts';
import type { Sites } from '../capture/call-sites.ts';
import { imageFacts } from '../capture/image-facts.ts';
import { isRepeatedString } from '../capture/repeated-string.ts';
import type { BootMedium } from '../image/medium.ts';
import { packPayload } from '../image/payload.ts';
import { parseElf } from '../elf/elf-image.ts';
import { readSymbols, type SymbolTable } from '../elf/symbol-table.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { type LoadedImage, loadedImage } from '../multiboot2/loaded-image.ts';
import { forcedWindow, withRelocatableTag } from '../multiboot2/relocatable-tag.ts';
import { REGION_BYTES, SCRATCH_BYTES } from '../sequences/places.ts';
import { repeatsOf } from '../sequences/region.ts';
import { imageWith, type ImagePlace, type Program } from '../sequences/program.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import type { TraceHeader } from '../trace/trace-header.ts';

const BOOT_MS = 60_000;
const MEMORY_MIB = 256;
const ALIGN = 0x20_0000;
const PAGE_BYTES = 0x1000;
/** The 16-bit region runs as a copy here: specimens/sequences/places.h, LOW_SEGMENT. */
const LOW_REGION = 0x1_0000;
/** Past all low memory that the specimen uses. */
const LOW_END = 0x6_0000;

export interface OracleRequest {
  /** Path of QEMU. */
  readonly qemu: string;
  readonly medium: BootMedium;
  /** Path of the specimen's image. */
  readonly specimen: string;
  /** Takes a folder a boot. */
  readonly directory: string;
  /** Load base, a multiple of 2 MiB. */
  readonly base: number;
  /** The model: whatever semantics it gives out are those that are compared. */
  readonly store: CodeStore;
}

export interface OracleRun extends Captured {
  /** The booted image's bytes, which replaying wants. */
  readonly image: Uint8Array;
  readonly trace: Uint8Array;
  /** Where the model parted from QEMU; the first is the one to look at, for others may follow from it. */
  readonly notes: readonly ModelNote[];
}

export class SequenceOracle {
  readonly #request: OracleRequest;
  readonly #image: Uint8Array;
  readonly #loaded: LoadedImage;
  readonly #symbols: SymbolTable;
  #boots = 0;

  private constructor(request: OracleRequest, image: Uint8Array) {
    const elf = parseElf(image);
    this.#request = request;
    this.#image = image;
    this.#loaded = loadedImage(elf);
    this.#symbols = readSymbols(elf);
  }

  /** @throws what reading the specimen throws */
  static async open(request: OracleRequest): Promise<SequenceOracle> {
    return new SequenceOracle(request, await readFile(request.specimen));
  }

  /** Linear address at which a region runs. */
  regionBase(bitness: Bitness): number {
    return bitness === 16 ? LOW_REGION : this.#running(`region${bitness}`);
  }

  /** Linear address of what comes after the last region. */
  get end(): number {
    return this.#running('done');
  }

  /** @throws CaptureFailedError where the specimen did not come to its end, and what a capture throws */
  async run(program: Program): Promise<OracleRun> {
    const { base, store, directory } = this.#request;
    const window = forcedWindow(base, this.#loaded.loadSize, ALIGN);
    const image = withRelocatableTag(
      imageWith(this.#image, program, (part) => this.#placeOf(part)),
      window,
    );
    const folder = join(directory, String(++this.#boots));
    const pieces: Uint8Array[] = [];
    const notes: ModelNote[] = [];
    const captured = await capture({
      boot: (part) => this.#boot(join(folder, part), image),
      header: this.#header(image),
      until: BigInt(this.end),
      untilName: 'done',
      loadBaseOf: ({ loadBase }) => loadBase ?? Number.NaN,
      image,
      embedImage: false,
      sites: this.#sites(program),
      sink: (bytes) => void pieces.push(bytes),
      store,
      onNote: (note) => void notes.push(note),
    });
    return { ...captured, image, trace: Buffer.concat(pieces), notes };
  }

  async #boot(
    directory: string,
    kernel: Uint8Array,
  ): Promise<BootOptions & { readonly driver: SubjectDriver }> {
    const { qemu, medium } = this.#request;
    await mkdir(directory, { recursive: true });
    const payload = join(directory, 'payload.tar');
    await writeFile(payload, await packPayload({ choice: { choice: 'sequences', mode: 'boot' }, kernel }));
    const machine = { machine: 'q35', accelerator: 'tcg', memoryMib: MEMORY_MIB } as const;
    const entry = BigInt(this.#running('entry'));
    return {
      ...{ qemu, directory, deadline: Deadline.in(BOOT_MS) },
      spec: { ...machine, firmware: { kind: 'bios' }, medium, payload },
      driver: {
        ...{ landmarks: [], ends: {}, observe: async () => [] },
        stops: () => [{ name: 'entry', address: entry }],
      },
    };
  }

  #header(booted: Uint8Array): TraceHeader {
    const { base } = this.#request;
    const { loadSize } = this.#loaded;
    const image = { name: 'sequences', file: booted, booted, loaded: this.#loaded, loadBase: base };
    const end = base + Math.ceil(loadSize / PAGE_BYTES) * PAGE_BYTES;
    return {
      ...{ schema: 'loadbase.trace/1', instance: 'sequences', firmware: 'bios', way: 'log' },
      ...{ accelerator: 'tcg', tools: [] },
      subject: imageFacts(image),
      inside: [
        { start: 0n, end: BigInt(LOW_END), what: 'low memory' },
        { start: BigInt(base), end: BigInt(end), what: 'the image' },
      ],
      capturedAt: new Date().toISOString(),
    };
  }

  /** Control never leaves. What QEMU would log iteration by iteration is the specimen's copying. */
  #sites({ regions }: Program): Sites {
    const { store, base } = this.#request;
    const [segment] = this.#loaded.segments;
    const code = this.#image.subarray(segment!.offset, segment!.offset + PAGE_BYTES);
    const own = store.disassembler
      .decode(code, { bitness: 32, address: BigInt(base) })
      .filter((instruction) => isRepeatedString(instruction, 32))
      .map(({ address, length, text }) => ({
        ...{ linear: address, next: address + BigInt(length), text, longestRun: Infinity },
      }));
    const generated = regions.flatMap((region) =>
      repeatsOf(region).map(({ start, end }) => ({
        linear: BigInt(this.regionBase(region.bitness) + start),
        next: BigInt(this.regionBase(region.bitness) + end),
        ...{ text: 'rep', longestRun: 1 },
      })),
    );
    return { calls: [], repeats: [...own, ...generated] };
  }

  #running(symbol: string): number {
    return this.#linked(symbol) - this.#loaded.linkBase + this.#request.base;
  }

  /** @throws RangeError where it is not the specimen's image */
  #linked(symbol: string): number {
    const value = this.#symbols.address(symbol);
    if (value === undefined) throw new RangeError(`the specimen’s image has no symbol ${symbol}`);
    return Number(value);
  }

  #placeOf(part: string): ImagePlace {
    const address = BigInt(this.#linked(part));
    const segment = this.#loaded.segments.find(
      ({ vaddr, filesz }) => address >= vaddr && address < vaddr + BigInt(filesz),
    );
    if (!segment) throw new RangeError(`${part} is not in the specimen’s image file`);
    const sizes: Readonly<Record<string, number>> = {
      ...{ region16: REGION_BYTES[16], region32: REGION_BYTES[32], region64: REGION_BYTES[64] },
      scratch: SCRATCH_BYTES,
    };
    return { fileOffset: segment.offset + Number(address - segment.vaddr), sizeBytes: sizes[part] ?? 0 };
  }
}
