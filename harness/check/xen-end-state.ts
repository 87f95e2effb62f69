/**
 * What must hold when Xen's early boot hands over: control is at `__start_xen`, in 64-bit mode, on Xen's own tables. The same
 * assertions as at that checkpoint of a live boot (xen/checkpoint-checks.ts) and more, synchronous, for thousands of bases.
 * Source: Xen 4.17's x86_64.S.
 */
import { hex } from '../bits/hex.ts';
import { equal, holds, type Observation } from '../guest/guest-view.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CR4,
  CS,
  EFER,
  LIMIT,
  readField,
  segmentWord,
  SELECTOR,
} from '../x86/state/state-layout.ts';
import { copyOf, word32At, type EndState } from './end-state.ts';
import { XenEndTables } from './xen-end-tables.ts';
import { XenEndTrampoline } from './xen-end-trampoline.ts';

/** Its run ends there. */
export const XEN_END = '__start_xen';

const CR0_PG = 1 << 31;
const CR4_PAE = 1 << 5;
const EFER_LMA = 1 << 10;
/** STACK_SIZE of Xen's config.h: 8 pages. */
const STACK_BYTES = 0x8000n;
/** Attributes of a segment: present, code, readable or not, accessed or not; and its L bit. Source: SDM 3A §3.4.5. */
const [CODE_BITS, CODE_64] = [0x20_9800, 0x20_9800];
/** Bits of a descriptor's high word that are attributes; without the accessed bit, which the CPU sets. */
const ATTRIBUTE_BITS = 0x00f0_fe00;
const RETURN_ADDRESS = 8n;
const LOW_MEMORY = 0xa_0000n;

export interface XenImage {
  readonly linkBase: number;
  readonly loadSize: number;
}

/** Facts of an image, made once for all its bases. */
export class XenEndState {
  readonly #symbols: ImageSymbols;
  readonly #image: XenImage;
  readonly #tables: XenEndTables;
  readonly #trampoline: XenEndTrampoline;
  readonly #gdtr: { readonly base: bigint; readonly limit: number };
  readonly #gdt: Uint8Array;
  readonly #stackStart: bigint;
  readonly #scratch: Uint8Array;

  /** @throws ImageSymbolsError where the symbol file lacks what is looked at */
  constructor(symbols: ImageSymbols, image: XenImage) {
    this.#symbols = symbols;
    this.#image = image;
    this.#tables = new XenEndTables(symbols, image);
    this.#trampoline = new XenEndTrampoline(symbols, image.linkBase);
    const gdtr = Buffer.from(symbols.bytes(symbols.linear('boot_gdtr'), 10) ?? new Uint8Array(10));
    this.#gdtr = { limit: gdtr.readUInt16LE(0), base: gdtr.readBigUInt64LE(2) };
    // The GDT's first pages are the guests': GDTR's base lies before what the file has of it.
    const gdt = symbols.linear('boot_gdt');
    const sizeBytes = Number(this.#gdtr.base + BigInt(this.#gdtr.limit) + 1n - gdt);
    this.#gdt = symbols.bytes(gdt, Math.max(sizeBytes, 0)) ?? new Uint8Array(0);
    this.#scratch = new Uint8Array(this.#gdt.length);
    const stack = symbols.bytes(symbols.linear('stack_start'), 8) ?? new Uint8Array(8);
    this.#stackStart = Buffer.from(stack).readBigUInt64LE(0);
  }

  /** In the order of a reader's interest. */
  observe(state: EndState): Observation[] {
    const { loadBase, memory, words } = state;
    const symbols = this.#symbols;
    const physicalStart = loadBase - this.#image.linkBase;
    return [
      equal(`control is at ${XEN_END}: RIP`, readField(words, 'rip'), symbols.linear(XEN_END)),
      longMode(words),
      equal('xen_phys_start', word32At(memory, this.#at('xen_phys_start', loadBase)), physicalStart),
      ...this.#tables.observe(state),
      ...this.#descriptorTable(state),
      ...this.#stack(state),
      this.#information(state),
      ...this.#trampoline.observe(state),
    ];
  }

  #at(symbol: string, loadBase: number): number {
    return this.#symbols.linkTime(symbol) - this.#image.linkBase + loadBase;
  }

  #descriptorTable({ words, memory, loadBase }: EndState): Observation[] {
    const gdt = copyOf(memory, this.#at('boot_gdt', loadBase), this.#scratch);
    const selector = words[segmentWord(CS) + SELECTOR]!;
    const inFile = Number(this.#gdtr.base + BigInt(selector & ~7) - this.#symbols.linear('boot_gdt'));
    const wanted =
      inFile >= 0 && inFile + 8 <= gdt.length ? Buffer.from(this.#gdt).readInt32LE(inFile + 4) : 0;
    const seen = words[segmentWord(CS) + ATTRIBUTES]!;
    const isFlat = words[segmentWord(CS) + BASE] === 0 && words[segmentWord(CS) + LIMIT] === -1;
    return [
      equal('GDTR', readField(words, 'gdtr.base'), this.#gdtr.base),
      equal('GDTR’s limit', readField(words, 'gdtr.limit'), this.#gdtr.limit),
      holds(
        Buffer.compare(gdt, this.#gdt) === 0 && gdt.length > 0,
        'the GDT holds what it was linked with',
        'the GDT does not hold what it was linked with',
      ),
      holds(
        isFlat && (seen & CODE_BITS) === CODE_64 && ((seen ^ wanted) & ATTRIBUTE_BITS) === 0,
        `CS ${hex(selector, 4)} is flat 64-bit code, as the GDT has it`,
        `CS ${hex(selector, 4)} has the attributes ${hex(seen >>> 0)}, and is not the GDT's flat 64-bit code segment`,
      ),
      equal('SS, the null selector,', readField(words, 'ss.selector'), 0),
    ];
  }

  #stack({ words, memory, loadBase }: EndState): Observation[] {
    const stack = this.#symbols.linear('cpu0_stack');
    const pointer = readField(words, 'rsp');
    const start = copyOf(memory, this.#at('stack_start', loadBase), new Uint8Array(8));
    return [
      equal('RSP, below its return address', pointer, this.#stackStart - RETURN_ADDRESS),
      holds(
        pointer >= stack && pointer < stack + STACK_BYTES,
        'the stack is cpu0_stack, at its high address',
        `RSP ${hex(pointer, 16)} is not in cpu0_stack at ${hex(stack, 16)}`,
      ),
      equal('stack_start', Buffer.from(start).readBigUInt64LE(0), this.#stackStart),
    ];
  }

  /** The one argument: the boot information's copy, by its physical address. */
  #information({ words, memory, loadBase }: EndState): Observation {
    const pointer = readField(words, 'rdi');
    const kept = word32At(memory, this.#at('multiboot_ptr', loadBase));
    return holds(
      pointer === BigInt(kept) && pointer > 0n && pointer < LOW_MEMORY,
      `the boot information is at ${hex(pointer)}, below 640 KiB`,
      `the boot information is at ${hex(pointer)}, multiboot_ptr says ${hex(kept)}: not the same below 640 KiB`,
    );
  }
}

function longMode(words: Int32Array): Observation {
  const isOn =
    (words[CR0]! & CR0_PG) !== 0 && (words[CR4]! & CR4_PAE) !== 0 && (words[EFER]! & EFER_LMA) !== 0;
  const values = [words[CR0]!, words[CR4]!, words[EFER]!].map((value) => hex(value >>> 0));
  return holds(
    isOn,
    'paging, PAE and long mode are on',
    `CR0 ${values[0]}, CR4 ${values[1]}, EFER ${values[2]}: no long mode`,
  );
}
