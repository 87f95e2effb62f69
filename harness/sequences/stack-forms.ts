/** The stack (opcodes: SDM 2D appendix A). */
import { FLAG } from '../x86/state/flags.ts';
import { littleEndian, SP } from './encoding.ts';
import type { Form, WeightedForm } from './form.ts';

/** Neither TF nor IF: a debug exception and an interrupt would come. */
export const FREE_FLAGS =
  FLAG.cf |
  FLAG.pf |
  FLAG.af |
  FLAG.zf |
  FLAG.sf |
  FLAG.of |
  FLAG.df |
  FLAG.ac |
  FLAG.id |
  FLAG.nt |
  FLAG.iopl;

/** Of the stack's operand sizes. */
const suffix = (size: 2 | 4 | 8): string => ({ 2: '', 4: 'd', 8: 'q' })[size];

const popFlags: Form = (draft) => {
  const { bitness } = draft;
  const size = bitness === 64 ? 8 : draft.stackSize();
  const flags = Number(draft.random.value() & BigInt(FREE_FLAGS)) | 2;
  const parts = { size, isWideByDefault: true };
  const immediate = littleEndian(flags, Math.min(size, 4));
  return [
    draft.plain({ ...parts, mnemonic: 'push', opcode: [0x68], immediate }),
    draft.plain({ ...parts, mnemonic: `popf${suffix(size)}`, opcode: [0x9d] }),
  ];
};

const pushFlags: Form = (draft) => {
  const size = draft.stackSize();
  return [draft.plain({ mnemonic: `pushf${suffix(size)}`, size, isWideByDefault: true, opcode: [0x9c] })];
};

const push: Form = (draft) => {
  const size = draft.stackSize();
  const parts = { mnemonic: 'push', size, isWideByDefault: true };
  const which = draft.random.below(4);
  if (which === 0) return draft.unit({ ...parts, opcode: [0x6a], immediate: draft.byte() });
  if (which === 1) return draft.unit({ ...parts, opcode: [0x68], immediate: draft.immediate(size) });
  if (which === 2)
    return draft.unit({ ...parts, opcode: [0xff], reg: 6, target: draft.memory({ isRead: true }) });
  return draft.unit({ ...parts, opcode: [0x50], plus: draft.random.chance(0.2) ? SP : draft.source(size) });
};

const pop: Form = (draft) => {
  const size = draft.stackSize();
  const parts = { mnemonic: 'pop', size, isWideByDefault: true };
  if (draft.random.chance(0.3))
    return draft.unit({ ...parts, opcode: [0x8f], reg: 0, target: draft.memory() });
  return draft.unit({ ...parts, opcode: [0x58], plus: draft.register(size) });
};

const pushAll: Form = (draft) => {
  if (draft.bitness === 64) return undefined;
  const size = draft.stackSize();
  const all = draft.plain({ mnemonic: `pusha${suffix(size)}`, size, opcode: [0x60] });
  if (draft.random.chance(0.5)) return [all];
  // POPA loads BX, too: with what PUSHA stored.
  return [all, draft.plain({ mnemonic: `popa${suffix(size)}`, size, opcode: [0x61] })];
};

const frame: Form = (draft) => {
  // LEAVE takes all of EBP where the stack is 32 bits wide, whatever ENTER has written.
  const size = draft.bitness === 64 ? 8 : draft.bitness === 32 ? 4 : draft.stackSize();
  const parts = { size, isWideByDefault: true };
  const immediate = [...littleEndian(draft.random.below(64), 2), 0];
  const enter = draft.plain({ ...parts, mnemonic: 'enter', opcode: [0xc8], immediate });
  return [enter, draft.plain({ ...parts, mnemonic: 'leave', opcode: [0xc9] })];
};

export const STACK_FORMS: readonly WeightedForm[] = [
  { weight: 2, form: popFlags },
  { weight: 1, form: pushFlags },
  { weight: 4, form: push },
  { weight: 3, form: pop },
  { weight: 1, form: pushAll },
  { weight: 1, form: frame },
];
