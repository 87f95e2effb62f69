/** Xen as the offline check knows it. Source: xen/arch/x86/boot/head.S, trampoline.S, edd.S (4.14–4.17). */
import { MIB } from '../bits/align.ts';
import type { MemoryRange } from '../sanitizer/territory.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import type { EntryName } from './contract.ts';
import type { ExpectedEnding, Knowledge } from './knowledge.ts';

const END = '__start_xen';
/** Xen’s trampoline and the stack above it share 64 KiB (TRAMPOLINE_SPACE, TRAMPOLINE_STACK_SPACE). */
const WINDOW_BYTES = 0x10000;
/** Real-mode code reads each disk’s first sector to right below the trampoline (edd.S). */
const SECTOR_BYTES = 512;
/** The word below a stack of its own that it borrows to find out where it runs; it must be put back (e58a2858d5). */
export const BORROWED: MemoryRange = { start: 0xffc, end: 0x1000 };
const ALIGNMENT = 2 * MIB;
const MISALIGNED = 'ERR: Xen must be loaded at a 2Mb boundary!';

export class XenKnowledge implements Knowledge {
  readonly end: Knowledge['end'];
  readonly highHalf: Knowledge['highHalf'];
  readonly #linkBase: number;
  readonly #trampoline: number;

  /** @param sizeBytes of the image in memory */
  constructor(
    readonly symbols: ImageSymbols,
    linkBase: number,
    sizeBytes: number,
  ) {
    this.#linkBase = linkBase;
    this.end = { linear: symbols.linear(END), name: END };
    const start = symbols.virtualStart + BigInt(linkBase);
    this.highHalf = { start, end: start + BigInt(sizeBytes) };
    this.#trampoline = symbols.linkTime('trampoline_phys');
  }

  expectedEnding(loadBase: number): ExpectedEnding {
    return loadBase % ALIGNMENT === 0 ? { kind: 'reached' } : { kind: 'said', text: MISALIGNED };
  }

  owned(cpu: Cpu, loadBase: number, entry: EntryName, physical: number): MemoryRange | undefined {
    if (physical >= BORROWED.start && physical < BORROWED.end) return entry === 'bios' ? BORROWED : undefined;
    const at = this.#trampoline + loadBase - this.#linkBase;
    const trampoline = cpu.physical.page(Math.floor(at / PAGE_BYTES)).view.getUint32(at % PAGE_BYTES, true);
    if (trampoline < PAGE_BYTES || trampoline >= MIB) return undefined;
    const start = entry === 'bios' ? trampoline - SECTOR_BYTES : trampoline;
    const end = trampoline + WINDOW_BYTES;
    return physical >= start && physical < end ? { start, end } : undefined;
  }

  endState(): [] {
    return [];
  }

  knownDefect(): undefined {
    return undefined;
  }
}
