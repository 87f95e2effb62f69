/** What the sanitizer noticed: an instruction that did what code loaded elsewhere must not do. */
import type { Bitness } from '../x86/execute/cpu.ts';
import type { RuleName } from './rules.ts';

/** Which of its doings broke the rule. */
export type Deed =
  'read' | 'write' | 'execute' | 'store of a pointer' | 'comparison' | 'load of a table' | 'call';

export interface Finding {
  readonly rule: RuleName;
  /** The instruction, as it stood in memory. */
  readonly instruction: { readonly linear: bigint; readonly bitness: Bitness; readonly bytes: Uint8Array };
  readonly deed: Deed;
  /** Physical address of the bytes; of a pointer, table or stack: its value. */
  readonly touched: bigint;
  readonly sizeBytes: number;
  /** Where it should have gone, where that can be said: the same place of the image as it is loaded. */
  readonly expected?: bigint;
  /** In words where the address alone does not tell: `gdtr.base`, `entry 3 of the table at 0x…`. */
  readonly what?: string;
  /** How often, in one run; the first is the one shown. */
  readonly times: number;
}
