/** Moves, conditions, exchanges, flags, strings (opcodes: SDM 2D appendix A). */
import { AX, CX, DI, encode, littleEndian, type Piece, SI, sized, SP } from './encoding.ts';
import type { Draft } from './draft.ts';
import type { Form, WeightedForm } from './form.ts';

export const CONDITION_NAMES = [
  ...['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'],
];

const move: Form = (draft) => {
  const size = draft.size();
  if (draft.random.chance(0.5))
    return draft.unit({
      ...{ mnemonic: 'mov', size, opcode: [sized(0x88, size)], reg: draft.source(size) },
      target: draft.target(size),
    });
  const target = draft.target(size, { isRead: true });
  return draft.unit({
    mnemonic: 'mov',
    size,
    opcode: [sized(0x8a, size)],
    reg: draft.register(size),
    target,
  });
};

const moveImmediate: Form = (draft) => {
  const size = draft.size();
  if (draft.random.chance(0.5)) {
    const opcode = [size === 1 ? 0xb0 : 0xb8];
    const immediate = littleEndian(draft.random.value(), size);
    return draft.unit({ mnemonic: 'mov', size, opcode, plus: draft.register(size), immediate });
  }
  const target = draft.target(size);
  const immediate = draft.immediate(size);
  return draft.unit({ mnemonic: 'mov', size, opcode: [sized(0xc6, size)], reg: 0, target, immediate });
};

const extend: Form = (draft) => {
  const [mnemonic, opcode] = draft.random.pick([
    ['movzx', 0xb6],
    ['movsx', 0xbe],
  ] as const);
  const from = draft.random.pick([1, 2] as const);
  const size =
    from === 2 ? draft.random.pick(draft.hasRex ? ([4, 8] as const) : ([4] as const)) : draft.wordSize();
  const target = draft.target(from, { isRead: true });
  return draft.unit({
    ...{ mnemonic, size, opcode: [0x0f, opcode | (from - 1)], reg: draft.register(size), target },
  });
};

const extendDoubleword: Form = (draft) => {
  if (!draft.hasRex) return undefined;
  const target = draft.target(4, { isRead: true });
  return draft.unit({ mnemonic: 'movsxd', size: 8, opcode: [0x63], reg: draft.register(8), target });
};

/** Nothing is accessed, so any address will do. */
const loadAddress: Form = (draft) => {
  const size = draft.wordSize();
  const { random } = draft;
  const parts = { mnemonic: 'lea', size, opcode: [0x8d], reg: draft.register(size) };
  if (draft.bitness === 16 || random.chance(0.3)) return draft.unit({ ...parts, target: draft.memory() });
  const sib = { scale: random.pick([1, 2, 4, 8]), index: random.below(8), base: random.below(8) };
  const wide = { kind: 'memory', mod: 2, rm: SP, sib, hasAddressPrefix: false, before: [] } as const;
  return draft.unit({ ...parts, target: { ...wide, displacement: littleEndian(random.value(), 4) } });
};

const conditionalMove: Form = (draft) => {
  const condition = draft.random.below(16);
  const size = draft.wordSize();
  const target = draft.target(size, { isRead: true });
  return draft.unit({
    ...{ mnemonic: `cmov${CONDITION_NAMES[condition]!}`, size, opcode: [0x0f, 0x40 | condition], target },
    reg: draft.register(size),
  });
};

const setByte: Form = (draft) => {
  const condition = draft.random.below(16);
  const target = draft.target(1);
  const opcode = [0x0f, 0x90 | condition];
  return draft.unit({ mnemonic: `set${CONDITION_NAMES[condition]!}`, size: 1, opcode, target });
};

const exchange: Form = (draft) => {
  const size = draft.size();
  const target = draft.target(size);
  return draft.unit({
    ...{ mnemonic: 'xchg', size, opcode: [sized(0x86, size)], reg: draft.register(size), target },
    prefixes: draft.lock(target),
  });
};

const exchangeAccumulator: Form = (draft) => {
  const size = draft.wordSize();
  const plus = draft.register(size);
  return plus === AX ? undefined : draft.unit({ mnemonic: 'xchg', size, opcode: [0x90], plus });
};

const flagBits: Form = (draft) => {
  const [mnemonic, opcode] = draft.random.pick([
    ...[['clc', 0xf8] as const, ['stc', 0xf9] as const, ['cmc', 0xf5] as const],
    ...[['cld', 0xfc] as const, ['std', 0xfd] as const],
    ...[['lahf', 0x9f] as const, ['sahf', 0x9e] as const],
  ]);
  return [draft.plain({ mnemonic, opcode: [opcode] })];
};

const STRINGS = [
  ['movs', 0xa4, 'copies'],
  ['stos', 0xaa, 'copies'],
  ['lods', 0xac, 'copies'],
  ['scas', 0xae, 'compares'],
  ['cmps', 0xa6, 'compares'],
] as const;
const MAX_COUNT = 24;
const STRING_REACH = 0x1000;

const string: Form = (draft) => {
  const { random } = draft;
  const size = draft.size();
  const [name, opcode] = random.pick(STRINGS);
  const isBackwards = random.chance(0.3);
  const prefixes = random.pick([[], [0xf3], [0xf3], [0xf2]]);
  const count = random.chance(0.1) ? 0 : random.below(MAX_COUNT);
  return [
    ...pointer(draft, SI),
    ...pointer(draft, DI),
    ...(prefixes.length > 0 ? [draft.load(CX, count)] : []),
    draft.plain({ mnemonic: isBackwards ? 'std' : 'cld', opcode: [isBackwards ? 0xfd : 0xfc] }),
    {
      ...draft.piece({
        ...{ mnemonic: name + { 1: 'b', 2: 'w', 4: 'd', 8: 'q' }[size], size, opcode: [sized(opcode, size)] },
        prefixes,
      }),
      isRepeated: prefixes.length > 0,
    },
  ];
};

/** `lea` from BX, as wide as the address size. */
function pointer({ bitness, random }: Draft, register: number): Piece[] {
  const size = bitness === 64 ? 8 : bitness === 32 ? 4 : 2;
  const distance = littleEndian(random.between(-STRING_REACH, STRING_REACH), bitness === 16 ? 2 : 4);
  const rm = bitness === 16 ? 7 : 3;
  const target = {
    kind: 'memory',
    mod: 2,
    rm,
    displacement: distance,
    hasAddressPrefix: false,
    before: [],
  } as const;
  return [encode({ bitness, mnemonic: 'lea', size, opcode: [0x8d], reg: register, target })];
}

const translate: Form = (draft) => [draft.plain({ mnemonic: 'xlatb', opcode: [0xd7] })];

export const TRANSFER_FORMS: readonly WeightedForm[] = [
  { weight: 6, form: move },
  { weight: 4, form: moveImmediate },
  { weight: 4, form: extend },
  { weight: 1, form: extendDoubleword },
  { weight: 4, form: loadAddress },
  { weight: 4, form: conditionalMove },
  { weight: 3, form: setByte },
  { weight: 2, form: exchange },
  { weight: 1, form: exchangeAccumulator },
  { weight: 3, form: flagBits },
  { weight: 6, form: string },
  { weight: 1, form: translate },
];
