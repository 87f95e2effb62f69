/** Faults and traps on purpose; and what does nothing at all (opcodes: SDM 2D appendix A). */
import { AX, CX, encode, littleEndian } from './encoding.ts';
import type { Form, WeightedForm } from './form.ts';
import { NOT_PRESENT_SELECTOR } from './places.ts';

/** As MOV encodes them. */
const [ES, SS, DS] = [0, 2, 3];

/** Selectors that no data segment register takes: beyond the table, code that is not readable, not present. */
const badSelector: Form = (draft) => {
  if (draft.bitness === 16) return undefined;
  const selector = draft.random.pick([0x100, 0x1004, NOT_PRESENT_SELECTOR, 0xfff8]);
  const target = { kind: 'register', index: AX } as const;
  const reg = draft.random.pick([ES, DS, SS]);
  return [draft.load(AX, selector), draft.plain({ mnemonic: 'mov', opcode: [0x8e], reg, target })];
};

const invalid: Form = (draft) => [draft.plain({ mnemonic: 'ud2', opcode: [0x0f, 0x0b] })];

const breakpoint: Form = (draft) => [draft.plain({ mnemonic: 'int3', opcode: [0xcc] })];

/** Vectors without a handler, too, in protected mode: those raise #GP. */
const interrupt: Form = (draft) => [
  draft.plain({
    mnemonic: 'int',
    opcode: [0xcd],
    immediate: [draft.random.pick([0, 3, 6, 32, 47, 48, 0x80])],
  }),
];

const onOverflow: Form = (draft) =>
  draft.bitness === 64 ? undefined : [draft.plain({ mnemonic: 'into', opcode: [0xce] })];

const bound: Form = (draft) => {
  if (draft.bitness === 64) return undefined;
  const size = draft.random.pick([2, 4] as const);
  return draft.unit({
    ...{ mnemonic: 'bound', size, opcode: [0x62], reg: draft.register(size) },
    target: draft.memory({ isRead: true }),
  });
};

/** Not canonical, not there, read-only. */
const BAD_ADDRESSES = [0x8000_0000_0000n, 0xffff_7fff_ffff_fff0n, 0xc000_0000n, 0xf_ffff_0000n, 0xbfff_0000n];

const badAddress: Form = (draft) => {
  const { bitness, random } = draft;
  if (bitness !== 64) return undefined;
  const parts = { bitness, mnemonic: 'mov', size: 8, hasRex: true } as const;
  const load = encode({
    ...parts,
    opcode: [0xb8],
    plus: CX,
    immediate: littleEndian(random.pick(BAD_ADDRESSES), 8),
  });
  const target = {
    kind: 'memory',
    mod: 0,
    rm: CX,
    displacement: [],
    hasAddressPrefix: false,
    before: [],
  } as const;
  return [load, encode({ ...parts, size: random.pick([2, 4, 8]), opcode: [0x89], reg: AX, target })];
};

const nothing: Form = (draft) => {
  if (draft.random.chance(0.5)) return [draft.plain({ mnemonic: 'nop', opcode: [0x90] })];
  const size = draft.wordSize();
  return draft.unit({
    mnemonic: 'nop',
    size,
    opcode: [0x0f, 0x1f],
    reg: 0,
    target: draft.memory({ isRead: true }),
  });
};

export const FAULT_FORMS: readonly WeightedForm[] = [
  { weight: 0.5, form: nothing },
  { weight: 0.3, form: invalid },
  { weight: 0.3, form: breakpoint },
  { weight: 0.4, form: interrupt },
  { weight: 0.4, form: onOverflow },
  { weight: 0.3, form: bound },
  { weight: 0.4, form: badSelector },
  { weight: 0.6, form: badAddress },
];
