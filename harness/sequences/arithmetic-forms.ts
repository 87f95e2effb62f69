/** Integer arithmetic, logic, multiplication, exchanges, decimal adjustments (opcodes: SDM 2D appendix A). */
import { AX, DX, type Piece, sized } from './encoding.ts';
import type { Draft } from './draft.ts';
import type { Form, WeightedForm } from './form.ts';

const BINARY = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'];
const CMP = 7;
const binary: Form = (draft) => {
  const operation = draft.random.below(BINARY.length);
  const size = draft.size();
  const isRead = operation === CMP;
  const target = draft.target(size, { isRead });
  return draft.unit({
    ...{ mnemonic: BINARY[operation]!, size, opcode: [sized(operation << 3, size)], target },
    ...{ reg: draft.source(size), prefixes: isRead ? [] : draft.lock(target) },
  });
};

const binaryFromMemory: Form = (draft) => {
  const operation = draft.random.below(BINARY.length);
  const size = draft.size();
  const target = draft.target(size, { isRead: true });
  return draft.unit({
    ...{ mnemonic: BINARY[operation]!, size, opcode: [sized((operation << 3) | 2, size)], target },
    reg: draft.register(size),
  });
};

const binaryImmediate: Form = (draft) => {
  const reg = draft.random.below(BINARY.length);
  const size = draft.size();
  const target = draft.target(size, { isRead: reg === CMP });
  const isShort = size !== 1 && draft.random.chance(0.5);
  return draft.unit({
    ...{ mnemonic: BINARY[reg]!, size, reg, target, prefixes: reg === CMP ? [] : draft.lock(target) },
    opcode: [isShort ? 0x83 : sized(0x80, size)],
    immediate: isShort ? draft.byte() : draft.immediate(size),
  });
};

const binaryAccumulator: Form = (draft) => {
  const operation = draft.random.below(BINARY.length);
  const size = draft.size();
  const opcode = [sized((operation << 3) | 4, size)];
  return draft.unit({ mnemonic: BINARY[operation]!, size, opcode, immediate: draft.immediate(size) });
};

const test: Form = (draft) => {
  const size = draft.size();
  const target = draft.target(size, { isRead: true });
  if (draft.random.chance(0.5))
    return draft.unit({
      ...{ mnemonic: 'test', size, opcode: [sized(0x84, size)], target, reg: draft.source(size) },
    });
  const opcode = [sized(0xf6, size)];
  return draft.unit({ mnemonic: 'test', size, opcode, reg: 0, target, immediate: draft.immediate(size) });
};

const unary: Form = (draft) => {
  const [mnemonic, opcode, reg] = draft.random.pick([
    ['inc', 0xfe, 0],
    ['dec', 0xfe, 1],
    ['not', 0xf6, 2],
    ['neg', 0xf6, 3],
  ] as const);
  const size = draft.size();
  const target = draft.target(size);
  return draft.unit({
    ...{ mnemonic, size, opcode: [sized(opcode, size)], reg, target, prefixes: draft.lock(target) },
  });
};

const shortIncrement: Form = (draft) => {
  if (draft.bitness === 64) return undefined;
  const [mnemonic, opcode] = draft.random.pick([
    ['inc', 0x40],
    ['dec', 0x48],
  ] as const);
  const size = draft.wordSize();
  return draft.unit({ mnemonic, size, opcode: [opcode], plus: draft.register(size) });
};

const multiply: Form = (draft) => {
  const [mnemonic, reg] = draft.random.pick([
    ['mul', 4],
    ['imul', 5],
  ] as const);
  const size = draft.size();
  const target = draft.target(size, { isRead: true });
  return draft.unit({ mnemonic, size, opcode: [sized(0xf6, size)], reg, target });
};

const multiplyTwo: Form = (draft) => {
  const size = draft.wordSize();
  const parts = { mnemonic: 'imul', size, reg: draft.register(size) };
  const target = draft.target(size, { isRead: true });
  const which = draft.random.below(3);
  if (which === 0) return draft.unit({ ...parts, opcode: [0x0f, 0xaf], target });
  if (which === 1) return draft.unit({ ...parts, opcode: [0x6b], target, immediate: draft.byte() });
  return draft.unit({ ...parts, opcode: [0x69], target, immediate: draft.immediate(size) });
};

/** Dividends that fit half of the time; the other half mostly raises #DE. */
const divide: Form = (draft) => {
  const [mnemonic, reg] = draft.random.pick([
    ['div', 6],
    ['idiv', 7],
  ] as const);
  const size = draft.size();
  const target = draft.target(size, { isRead: true });
  const main = draft.unit({ mnemonic, size, opcode: [sized(0xf6, size)], reg, target });
  return draft.random.chance(0.85) ? [...extend(draft, size, mnemonic), ...main] : main;
};

function extend(draft: Draft, size: 1 | 2 | 4 | 8, mnemonic: 'div' | 'idiv'): Piece[] {
  if (size === 1) {
    const target = { kind: 'register', index: AX } as const;
    const opcode = [0x0f, mnemonic === 'div' ? 0xb6 : 0xbe];
    return [
      draft.piece({ mnemonic: mnemonic === 'div' ? 'movzx' : 'movsx', size: 2, opcode, reg: AX, target }),
    ];
  }
  if (mnemonic === 'div') return [draft.load(DX, draft.random.below(2) * draft.random.below(9))];
  return [draft.piece({ mnemonic: signExtension(size), size, opcode: [0x99] })];
}

const signExtension = (size: 2 | 4 | 8): string => ({ 2: 'cwd', 4: 'cdq', 8: 'cqo' })[size];

const convert: Form = (draft) => {
  const size = draft.wordSize();
  if (draft.random.chance(0.5)) return draft.unit({ mnemonic: signExtension(size), size, opcode: [0x99] });
  return draft.unit({ mnemonic: { 2: 'cbw', 4: 'cwde', 8: 'cdqe' }[size], size, opcode: [0x98] });
};

const decimal: Form = (draft) => {
  if (draft.bitness === 64) return undefined;
  const [mnemonic, opcode] = draft.random.pick([
    ...[['daa', 0x27] as const, ['das', 0x2f] as const],
    ...[['aaa', 0x37] as const, ['aas', 0x3f] as const],
    ...[['aam', 0xd4] as const, ['aad', 0xd5] as const],
  ]);
  const immediate = opcode < 0xd0 ? [] : draft.random.chance(0.6) ? [10] : draft.byte();
  return draft.unit({ mnemonic, opcode: [opcode], immediate });
};

const exchangeAdd: Form = (draft) => {
  const size = draft.size();
  const target = draft.target(size);
  const [mnemonic, opcode] = draft.random.pick([
    ['xadd', 0xc0],
    ['cmpxchg', 0xb0],
  ] as const);
  return draft.unit({
    ...{ mnemonic, size, opcode: [0x0f, sized(opcode, size)], target, prefixes: draft.lock(target) },
    reg: draft.register(size),
  });
};

const exchangePair: Form = (draft) => {
  const isWide = draft.hasRex && draft.random.chance(0.5);
  const target = draft.memory({ alignment: 16 });
  return draft.unit({
    ...{ mnemonic: isWide ? 'cmpxchg16b' : 'cmpxchg8b', size: isWide ? 8 : draft.bitness === 16 ? 2 : 4 },
    ...{ opcode: [0x0f, 0xc7], reg: 1, target, prefixes: draft.lock(target) },
  });
};

export const ARITHMETIC_FORMS: readonly WeightedForm[] = [
  { weight: 8, form: binary },
  { weight: 5, form: binaryFromMemory },
  { weight: 5, form: binaryImmediate },
  { weight: 2, form: binaryAccumulator },
  { weight: 2, form: test },
  { weight: 4, form: unary },
  { weight: 1, form: shortIncrement },
  { weight: 2, form: multiply },
  { weight: 3, form: multiplyTwo },
  { weight: 3, form: divide },
  { weight: 2, form: convert },
  { weight: 4, form: decimal },
  { weight: 3, form: exchangeAdd },
  { weight: 2, form: exchangePair },
];
