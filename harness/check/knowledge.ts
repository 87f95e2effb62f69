/** What must be known of an image to check it: where its early boot ends, what is its own, what must hold then. */
import type { Observation } from '../guest/guest-view.ts';
import type { MemoryRange } from '../sanitizer/territory.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import type { EndObservation, EntryName } from './contract.ts';
import type { EndState } from './end-state.ts';
import type { SymmetryFacts } from './symmetry.ts';

/** A run that came to an end, its memory still there. */
export interface EndedRun {
  readonly cpu: Cpu;
  readonly entry: EntryName;
  readonly loadBase: number;
  /** At the entry. */
  readonly initial: Int32Array;
  /** What it said on its console. */
  readonly consoleText: string;
}

export type ExpectedEnding =
  | { readonly kind: 'reached' }
  /** It refuses the base with this text. */
  | { readonly kind: 'said'; readonly text: string };

export interface Knowledge {
  /** Laid into memory at the entry, to see whether it is left alone. */
  readonly laid: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  readonly symbols: ImageSymbols | undefined;
  /** @returns the name of the end of early boot, where it is at this linear address */
  endAt(linear: bigint): string | undefined;
  /** Whether a halt is the end that its early boot comes to. */
  readonly endsByHalting: boolean;
  /** Linear addresses of the image on its own page tables. */
  readonly highHalf: { readonly start: bigint; readonly end: bigint } | undefined;
  expectedEnding(loadBase: number, entry: EntryName): ExpectedEnding;
  /** What else may be written or executed at a physical address, seen from this moment of the run. */
  owned(
    cpu: Cpu,
    loadBase: number,
    entry: EntryName,
    physical: number,
    initial: Int32Array,
  ): MemoryRange | undefined;
  /** Whether it means to read memory there that nobody gave it. Absent: it never does. */
  looksAt?(physical: number, loadBase: number): boolean;
  /** Whether it means to store link-time addresses, as values that it tells of. Absent: it never does. */
  readonly keepsLinkTimeAddresses?: boolean;
  /** What must hold at the end. */
  endState(run: EndedRun): readonly EndObservation[];
  /** What an observation that does not hold is, where it is a known defect of this version. */
  knownDefect(observation: Observation): string | undefined;
  /** What must differ between two bases by the base alone, and what is listed; undefined: too little is known. */
  readonly symmetry: SymmetryFacts | undefined;
}

export function endStateOf({ cpu, loadBase }: EndedRun): EndState {
  return { loadBase, words: cpu.state(), memory: cpu.physical };
}
