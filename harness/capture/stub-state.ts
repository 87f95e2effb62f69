/** What the stub's registers say of a state, and what they do not. Pure. */
import { REGISTER_WORD } from '../rsp/register-words.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  EFER,
  GENERAL,
  GENERAL_NAMES,
  RFLAGS,
  RIP,
  SEGMENT_NAMES,
  SELECTOR,
  segmentWord,
} from '../x86/state/state-layout.ts';

/** Index in the stub's words, index in the state's. */
type Pair = readonly [from: number, to: number];

const wide = (from: number, to: number): Pair[] => [
  [from, to],
  [from + 1, to + 1],
];

const SHOWN: readonly Pair[] = [
  ...GENERAL_NAMES.flatMap((name, index) => wide(REGISTER_WORD[name], GENERAL + 2 * index)),
  ...wide(REGISTER_WORD.rip, RIP),
  [REGISTER_WORD.eflags, RFLAGS],
];

const CONTROL: readonly Pair[] = [
  [REGISTER_WORD.cr0, CR0],
  ...wide(REGISTER_WORD.cr2, CR2),
  ...wide(REGISTER_WORD.cr3, CR3),
  [REGISTER_WORD.cr4, CR4],
  [REGISTER_WORD.efer, EFER],
];

const SELECTORS: readonly Pair[] = (['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const).map((name) => [
  REGISTER_WORD[name],
  segmentWord(SEGMENT_NAMES.indexOf(name)) + SELECTOR,
]);

const TELLING = [...CONTROL, ...SELECTORS];

/** Whether hidden state is another than `before`, as far as the stub's registers tell: a fault that was delivered, say. */
export function hasHiddenChange(registers: Int32Array, before: Int32Array): boolean {
  return TELLING.some(([from, to]) => registers[from] !== before[to]);
}

/** A copy of `words` with all that the stub shows. */
export function withRegisters(words: Int32Array, registers: Int32Array): Int32Array {
  const state = words.slice();
  for (const [from, to] of SHOWN) state[to] = registers[from]!;
  for (const [from, to] of CONTROL) state[to] = registers[from]!;
  return state;
}
