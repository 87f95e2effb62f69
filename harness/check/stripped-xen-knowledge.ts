/** A Xen without its symbols: what can be told all the same. */
import { hex } from '../bits/hex.ts';
import { holds, type Observation } from '../guest/guest-view.ts';
import type { MemoryRange } from '../sanitizer/territory.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { RIP } from '../x86/state/state-layout.ts';
import type { EntryName } from './contract.ts';
import { BORROWED_WORD, expectedOfXen } from './expected-of-xen.ts';
import type { EndedRun, ExpectedEnding, Knowledge } from './knowledge.ts';
import { GuestFault } from '../x86/execute/guest-fault.ts';

/** The high half of canonical linear addresses. */
const HIGH_HALF = 0xffff_8000_0000_0000n;
const END = 'its high half';
/** Below it the trampoline may be anywhere; above, an EBDA may begin. */
const LOW_MEMORY: MemoryRange = { start: PAGE_BYTES, end: 0xa_0000 };

export class StrippedXenKnowledge implements Knowledge {
  readonly symbols = undefined;
  readonly endsByHalting = false;
  readonly laid = [];
  /** Where it is linked is not known before it is there. */
  readonly highHalf = undefined;
  /** Nor is where its tables are, which may differ. */
  readonly symmetry = undefined;
  readonly #sizeBytes: number;

  constructor({ loadSize }: { readonly loadSize: number }) {
    this.#sizeBytes = loadSize;
  }

  endAt(linear: bigint): string | undefined {
    return linear >= HIGH_HALF ? END : undefined;
  }

  expectedEnding(loadBase: number): ExpectedEnding {
    return expectedOfXen(loadBase);
  }

  owned(_cpu: Cpu, _loadBase: number, entry: EntryName, physical: number): MemoryRange | undefined {
    const ranges = entry === 'bios' ? [BORROWED_WORD, LOW_MEMORY] : [LOW_MEMORY];
    return ranges.find(({ start, end }) => physical >= start && physical < end);
  }

  endState({ cpu, loadBase }: EndedRun): Observation[] {
    const physical = codeAddress(cpu);
    const isInImage = physical !== undefined && physical >= loadBase && physical < loadBase + this.#sizeBytes;
    const linear = hex(cpu.linearInstruction);
    return [
      holds(
        isInImage,
        'control is in its high half, in the image as it is loaded',
        physical === undefined
          ? `control goes to ${linear}, which is not mapped`
          : `control goes to ${linear}, physical ${hex(physical)}, which is not the image as it is loaded`,
      ),
    ];
  }

  knownDefect(): undefined {
    return undefined;
  }
}

/** @returns undefined where nothing is mapped that could be executed */
function codeAddress({ memory, words }: Cpu): number | undefined {
  try {
    const offset = words[RIP]! & (PAGE_BYTES - 1);
    return memory.pageFor(words[RIP]!, words[RIP + 1]!, 'execute').frame * PAGE_BYTES + offset;
  } catch (thrown) {
    if (thrown instanceof GuestFault) return undefined;
    throw thrown;
  }
}
