/** What stands around an image in a model that has no machine. */
import type { Cpu } from '../x86/execute/cpu.ts';
import type { Habits } from '../x86/execute/habits.ts';
import type { Inputs } from '../x86/execute/inputs.ts';
import type { EntryName } from './contract.ts';

/** Entry state, firmware, and what a CPU is told. */
export interface Surroundings {
  readonly entry: EntryName;
  readonly habits: Habits;
  /** Of everything outside the image. */
  entryState(loadBase: number): {
    readonly words: Int32Array;
    readonly memory: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  };
  readonly inputs: Inputs;
  /** What was written to the console's port, since {@link reset}. */
  consoleText(): string;
  /** Control is at a firmware address. @returns what was asked, where no capture answers it */
  answer(cpu: Cpu): string | undefined;
  /** What the CPU asked that nobody recorded, where such an error was thrown; undefined: it is another one. */
  unanswered(error: unknown): string | undefined;
  /** To the beginning of a boot. */
  reset(loadBase: number): void;
}
