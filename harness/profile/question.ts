/** What early boot asks of the firmware, said so that it means the same whatever the asking image's layout is. */
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import type { Through } from './machine-profile.ts';

/** Memory that an answer is written to. */
export interface AnswerPlace {
  readonly through: Through;
  /** Where the pointer points; physical. */
  readonly address: number;
  /** To be asked after the call: how much is written there. */
  readonly sizeBytes: (memory: PhysicalMemory) => number;
}

export interface Question {
  /** e.g. `BIOS interrupt 0x15, AX=0xe820, EBX=0x1, …` or `EFI AllocatePool(0x2, 0x10, pointer)`. */
  readonly text: string;
  readonly places: readonly AnswerPlace[];
  /** Registers that the answer stands in, whether they change or not. */
  readonly outputs: readonly { readonly name: string; readonly bits: 16 | 32 | 64 }[];
  /** Stack that is the firmware's while it runs: what it leaves there means nothing. */
  readonly scratch: { readonly start: number; readonly end: number };
}
