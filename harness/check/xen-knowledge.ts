/** Xen as the offline check knows it. Source: xen/arch/x86/boot/head.S, trampoline.S, edd.S (4.14–4.17). */
import { MIB } from '../bits/align.ts';
import { equalBytes, type Observation } from '../guest/guest-view.ts';
import type { MemoryRange } from '../sanitizer/territory.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import { isBefore } from '../subject/version.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import type { EndObservation, EntryName } from './contract.ts';
import { copyOf, type EndState } from './end-state.ts';
import { BORROWED_WORD, expectedOfXen } from './expected-of-xen.ts';
import { type EndedRun, endStateOf, type ExpectedEnding, type Knowledge } from './knowledge.ts';
import type { SymmetryFacts } from './symmetry.ts';
import { XEN_END, XenEndState, type XenImage } from './xen-end-state.ts';
import { handedOver } from './xen-handed-over.ts';
import { xenSymmetryFacts } from './xen-symmetry.ts';

/** Xen’s trampoline and the stack above it share 64 KiB (TRAMPOLINE_SPACE, TRAMPOLINE_STACK_SPACE). */
const WINDOW_BYTES = 0x10000;
/** Real-mode code reads each disk’s first sector to right below the trampoline (edd.S). */
const SECTOR_BYTES = 512;
const LAID = new Uint8Array(4).fill(0xa5);
const LOW_WORD = {
  ok: 'the word at 0xffc, borrowed for a stack, is as it was',
  not: 'the word at 0xffc, borrowed for a stack, is not put back',
  mendedIn: '4.20',
  fix: 'e58a2858d5',
};

export class XenKnowledge implements Knowledge {
  readonly endsByHalting = false;
  readonly symmetry: SymmetryFacts;
  readonly #end: bigint;
  readonly highHalf: Knowledge['highHalf'];
  readonly laid = [{ address: BORROWED_WORD.start, bytes: LAID }];
  readonly #image: XenImage;
  readonly #trampoline: number;
  readonly #endState: XenEndState;

  /** @throws ImageSymbolsError where the symbol file is not of a Xen */
  constructor(
    readonly symbols: ImageSymbols,
    image: XenImage,
    readonly version: string | undefined,
  ) {
    this.#image = image;
    this.#end = symbols.linear(XEN_END);
    this.symmetry = xenSymmetryFacts(symbols, image);
    const start = symbols.virtualStart + BigInt(image.linkBase);
    this.highHalf = { start, end: start + BigInt(image.loadSize) };
    this.#trampoline = symbols.linkTime('trampoline_phys');
    this.#endState = new XenEndState(symbols, image);
  }

  endAt(linear: bigint): string | undefined {
    return linear === this.#end ? XEN_END : undefined;
  }

  expectedEnding(loadBase: number): ExpectedEnding {
    return expectedOfXen(loadBase);
  }

  owned(cpu: Cpu, loadBase: number, entry: EntryName, physical: number): MemoryRange | undefined {
    if (physical >= BORROWED_WORD.start && physical < BORROWED_WORD.end)
      return entry === 'bios' ? BORROWED_WORD : undefined;
    const at = this.#trampoline + loadBase - this.#image.linkBase;
    const trampoline = cpu.physical.page(Math.floor(at / PAGE_BYTES)).view.getUint32(at % PAGE_BYTES, true);
    if (trampoline < PAGE_BYTES || trampoline >= MIB) return undefined;
    const start = entry === 'bios' ? trampoline - SECTOR_BYTES : trampoline;
    const end = trampoline + WINDOW_BYTES;
    return physical >= start && physical < end ? { start, end } : undefined;
  }

  endState(run: EndedRun): EndObservation[] {
    const state = endStateOf(run);
    return [...this.#endState.observe(state), handedOver(state, run.initial), this.#lowWord(state)];
  }

  knownDefect({ text }: Observation): string | undefined {
    const { version = '' } = this;
    const { mendedIn, fix } = LOW_WORD;
    if (!text.startsWith('at 0x00000ffc stands') || !isBefore(version, mendedIn)) return undefined;
    return `known defect of Xen ${version}, mended in ${mendedIn} (${fix}): ${LOW_WORD.not}`;
  }

  /** It must be put back (e58a2858d5). */
  #lowWord({ memory }: EndState): Observation {
    const seen = copyOf(memory, BORROWED_WORD.start, new Uint8Array(LAID.length));
    return equalBytes(LOW_WORD.ok, seen, LAID, BORROWED_WORD.start);
  }
}
