/** Shifts, rotates, single bits (opcodes: SDM 2D appendix A). */
import { CX, type Piece, sized } from './encoding.ts';
import type { Draft } from './draft.ts';
import type { Form, WeightedForm } from './form.ts';

const SHIFTS = ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', undefined, 'sar'];

const BIT_TESTS = ['bt', 'bts', 'btr', 'btc'];

const shift: Form = (draft) => {
  const reg = draft.random.pick([0, 1, 2, 3, 4, 5, 7]);
  const size = draft.size();
  const target = draft.target(size);
  const parts = { mnemonic: SHIFTS[reg]!, size, reg, target };
  const which = draft.random.below(3);
  if (which === 0) return draft.unit({ ...parts, opcode: [sized(0xd0, size)] });
  if (which === 1)
    return draft.unit({
      ...{ ...parts, opcode: [sized(0xc0, size)] },
      immediate: [draft.random.chance(0.9) ? draft.random.below(40) : draft.random.below(256)],
    });
  const count = draft.random.chance(0.5) ? [draft.load(CX, draft.random.below(80))] : [];
  return [...count, ...draft.unit({ ...parts, opcode: [sized(0xd2, size)] })];
};

/** Counts beyond 16 of 16-bit operands are undefined (SDM 2B, SHLD). */
const doubleShift: Form = (draft) => {
  const size = draft.wordSize();
  const [mnemonic, opcode] = draft.random.pick([
    ['shld', 0xa4],
    ['shrd', 0xac],
  ] as const);
  const count = draft.random.below(size === 2 ? 17 : 70);
  const target = draft.target(size, { takesCx: true });
  const parts = { mnemonic, size, reg: draft.source(size), target };
  if (draft.random.chance(0.5)) return draft.unit({ ...parts, opcode: [0x0f, opcode], immediate: [count] });
  const main = draft.unit({ ...parts, opcode: [0x0f, opcode | 1] });
  return [...main.slice(0, -1), draft.load(CX, count), main.at(-1)!];
};

/** With a register bit offset memory far from the operand is reached: it is kept small. */
const bitTest: Form = (draft) => {
  const which = draft.random.below(BIT_TESTS.length);
  const size = draft.wordSize();
  const target = draft.target(size, { isRead: which === 0, takesCx: true });
  const parts = {
    mnemonic: BIT_TESTS[which]!,
    size,
    target,
    prefixes: which === 0 ? [] : draft.lock(target),
  };
  if (draft.random.chance(0.5))
    return draft.unit({ ...parts, opcode: [0x0f, 0xba], reg: 4 + which, immediate: draft.byte() });
  const main = draft.unit({ ...parts, opcode: [0x0f, 0xa3 | (which << 3)], reg: CX });
  return [...main.slice(0, -1), ...smallOffset(draft, size), main.at(-1)!];
};

function smallOffset(draft: Draft, size: 2 | 4 | 8): Piece[] {
  const load = draft.load(CX, draft.random.between(-1000, 1000));
  if (size !== 8) return [load];
  const target = { kind: 'register', index: CX } as const;
  return [load, draft.piece({ mnemonic: 'movsxd', size: 8, opcode: [0x63], reg: CX, target })];
}

const bitScan: Form = (draft) => {
  const size = draft.wordSize();
  const [mnemonic, opcode] = draft.random.pick([
    ['bsf', 0xbc],
    ['bsr', 0xbd],
  ] as const);
  const target = draft.target(size, { isRead: true });
  return draft.unit({ mnemonic, size, opcode: [0x0f, opcode], reg: draft.register(size), target });
};

const byteSwap: Form = (draft) => {
  const size = draft.hasRex ? draft.random.pick([4, 8] as const) : 4;
  return draft.unit({ mnemonic: 'bswap', size, opcode: [0x0f, 0xc8], plus: draft.register(size) });
};

export const BIT_FORMS: readonly WeightedForm[] = [
  { weight: 7, form: shift },
  { weight: 4, form: doubleShift },
  { weight: 5, form: bitTest },
  { weight: 3, form: bitScan },
  { weight: 1, form: byteSwap },
];
