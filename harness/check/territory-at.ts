/** Whose memory is whose in one boot: what early boot may use by convention, and what the image is known to take. */
import { alignUp } from '../bits/align.ts';
import type { MemoryRange, Territory } from '../sanitizer/territory.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { GENERAL } from '../x86/state/state-layout.ts';
import type { EntryName } from './contract.ts';
import type { Knowledge } from './knowledge.ts';

const RSP = GENERAL + 2 * 4;
/** A stack that UEFI gives its applications (UEFI Specification 2.10, §2.3.4), and the caller's shadow space above. */
const [STACK_BYTES, SHADOW_BYTES] = [128 * 1024, 0x28];
const VGA_TEXT: MemoryRange = { start: 0xb_8000, end: 0xb_8fa0 };

export interface BootPlace {
  readonly linkBase: number;
  readonly loadBase: number;
  /** Of the image in memory. */
  readonly sizeBytes: number;
  readonly entry: EntryName;
  /** The state at the entry. */
  readonly initial: Int32Array;
}

export function territoryAt(place: BootPlace, cpu: Cpu, knowledge: Knowledge): Territory {
  const { linkBase, loadBase, sizeBytes, entry, initial } = place;
  const pointer = initial[RSP]! >>> 0;
  const stack = { start: pointer - STACK_BYTES, end: pointer + SHADOW_BYTES };
  // Multiboot2 §3.2: a 32-bit kernel has no stack but its own.
  const usual: MemoryRange[] = entry === 'efi' ? [stack, VGA_TEXT] : [VGA_TEXT];
  return {
    linkTime: { start: linkBase, end: linkBase + sizeBytes },
    loaded: { start: loadBase, end: loadBase + alignUp(sizeBytes, PAGE_BYTES) },
    ...(knowledge.highHalf ? { highHalf: knowledge.highHalf } : {}),
    owned: (physical) =>
      usual.find(({ start, end }) => physical >= start && physical < end) ??
      knowledge.owned(cpu, loadBase, entry, physical, initial),
  };
}
