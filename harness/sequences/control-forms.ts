/** Jumps, calls, loops, segment registers, and faults on purpose (opcodes: SDM 2D appendix A). */
import { AX, CX, encode, littleEndian, type MemoryTarget, type Piece } from './encoding.ts';
import type { Draft } from './draft.ts';
import type { Form, Unit, WeightedForm } from './form.ts';
import { CONDITION_NAMES } from './transfer-forms.ts';
import { DATA_SELECTORS, LOW_SCRATCH_SEGMENT, NOT_PRESENT_SELECTOR } from './places.ts';

/** Units that a jump of a byte's distance goes over: they have less than 60 bytes each. */
const NEAR_UNITS = 2;
const FAR_UNITS = 4;

/** Of near jumps with a distance of their own: the operand size of the mode. */
const distanceBytes = ({ bitness }: Draft): 2 | 4 => (bitness === 16 ? 2 : 4);

function skipping(pieces: readonly Piece[], bytes: 1 | 2 | 4, count: number): Unit {
  return { pieces, skip: { count, distanceBytes: bytes } };
}

const jumpIf: Form = (draft) => {
  const condition = draft.random.below(16);
  const mnemonic = `j${CONDITION_NAMES[condition]!}`;
  if (draft.random.chance(0.5)) {
    const short = draft.plain({ mnemonic, opcode: [0x70 | condition], immediate: [0] });
    return skipping([short], 1, draft.random.between(1, NEAR_UNITS));
  }
  const bytes = distanceBytes(draft);
  const long = draft.plain({ mnemonic, opcode: [0x0f, 0x80 | condition], immediate: littleEndian(0, bytes) });
  return skipping([long], bytes, draft.random.between(1, FAR_UNITS));
};

const jump: Form = (draft) => {
  const [mnemonic, opcode] = draft.random.pick([
    ['jmp', 0xe9],
    ['call', 0xe8],
  ] as const);
  const bytes = distanceBytes(draft);
  const piece = draft.plain({ mnemonic, opcode: [opcode], immediate: littleEndian(0, bytes) });
  return skipping([piece], bytes, draft.random.between(0, FAR_UNITS));
};

/** Counter of loops and JCXZ: of the address size, which a prefix changes. */
function counterName({ bitness }: Draft, hasPrefix: boolean): 'jcxz' | 'jecxz' | 'jrcxz' {
  if (bitness === 64) return hasPrefix ? 'jecxz' : 'jrcxz';
  return (bitness === 32) === hasPrefix ? 'jcxz' : 'jecxz';
}

const jumpOnCounter: Form = (draft) => {
  const { random } = draft;
  const hasPrefix = random.chance(0.3);
  const [mnemonic, opcode] = random.pick([
    ['loopne', 0xe0],
    ['loope', 0xe1],
    ['loop', 0xe2],
    [counterName(draft, hasPrefix), 0xe3],
  ] as const);
  const piece = draft.plain({
    mnemonic,
    opcode: [opcode],
    prefixes: hasPrefix ? [0x67] : [],
    immediate: [0],
  });
  const before = random.chance(0.6) ? [draft.load(CX, random.below(3))] : [];
  return skipping([...before, piece], 1, random.between(1, NEAR_UNITS));
};

/** Backwards over one instruction. */
const loop: Form = (draft) => {
  const { random } = draft;
  const [mnemonic, opcode] = random.pick([
    ['loop', 0xe2],
    ['loopne', 0xe0],
    ['loope', 0xe1],
  ] as const);
  const size = draft.wordSize();
  const body = draft.piece({
    ...{ mnemonic: 'adc', size, opcode: [0x83], reg: 2, target: { kind: 'register', index: AX } as const },
    immediate: draft.byte(),
  });
  const back = -(body.bytes.length + 2);
  const piece = draft.plain({ mnemonic, opcode: [opcode], immediate: littleEndian(back, 1) });
  return [draft.load(CX, random.between(1, 5)), body, piece];
};

/** A call to what returns at once, which is behind a jump over it; `ret` with and without bytes to drop. */
const callAndReturn: Form = (draft) => {
  const { random } = draft;
  const drop = random.chance(0.3) ? littleEndian(random.below(5) * 4, 2) : undefined;
  const back = draft.plain({ mnemonic: 'ret', opcode: [drop ? 0xc2 : 0xc3], immediate: drop ?? [] });
  const over = draft.plain({ mnemonic: 'jmp', opcode: [0xeb], immediate: [back.bytes.length] });
  const distance = littleEndian(over.bytes.length, distanceBytes(draft));
  return [draft.plain({ mnemonic: 'call', opcode: [0xe8], immediate: distance }), over, back];
};

/** To the instruction behind it, through a register. */
const jumpThroughRegister: Form = (draft) => {
  const { bitness } = draft;
  const size = bitness === 64 ? 8 : bitness === 32 ? 4 : 2;
  const parts = { size, target: { kind: 'register', index: AX } } as const;
  const call = draft.plain({
    mnemonic: 'call',
    opcode: [0xe8],
    immediate: littleEndian(0, distanceBytes(draft)),
  });
  const pop = draft.plain({ mnemonic: 'pop', size, isWideByDefault: true, opcode: [0x58], plus: AX });
  const go = draft.random.chance(0.5)
    ? draft.plain({ ...parts, mnemonic: 'jmp', isWideByDefault: true, opcode: [0xff], reg: 4 })
    : draft.plain({ ...parts, mnemonic: 'call', isWideByDefault: true, opcode: [0xff], reg: 2 });
  const add = (distance: number): Piece =>
    draft.plain({ ...parts, mnemonic: 'add', opcode: [0x83], reg: 0, immediate: [distance] });
  const distance = pop.bytes.length + add(0).bytes.length + go.bytes.length;
  return [call, pop, add(distance), go];
};

/** ES CS SS DS FS GS as MOV encodes them. */
const [ES, SS, DS, FS, GS] = [0, 2, 3, 4, 5];
const PUSHES = { es: 0x06, ds: 0x1e };

/** A selector, or in real mode a segment, with which memory operands stay in scratch memory. */
function dataSelector({ random, bitness }: Draft): number {
  return bitness === 16 ? LOW_SCRATCH_SEGMENT + random.below(256) : random.pick(DATA_SELECTORS[bitness]);
}

const loadSegment: Form = (draft) => {
  const reg = draft.random.pick(draft.bitness === 16 ? [ES, DS, FS, GS] : [ES, DS, SS]);
  const target = { kind: 'register', index: AX } as const;
  return [draft.load(AX, dataSelector(draft)), draft.plain({ mnemonic: 'mov', opcode: [0x8e], reg, target })];
};

const storeSegment: Form = (draft) => {
  const reg = draft.random.pick([ES, SS, DS, FS, GS, 1]);
  const size = draft.wordSize();
  const target = draft.target(size);
  return draft.unit({ mnemonic: 'mov', size, opcode: [0x8c], reg, target });
};

const pushSegment: Form = (draft) => {
  if (draft.bitness === 64) return undefined;
  const name = draft.random.pick(['es', 'ds'] as const);
  const size = draft.stackSize();
  return [
    draft.plain({ mnemonic: 'push', size, opcode: [PUSHES[name]] }),
    ...(draft.random.chance(0.6) ? [draft.plain({ mnemonic: 'pop', size, opcode: [PUSHES[name] | 1] })] : []),
  ];
};

/** LES, LDS, LFS, LGS of a pointer that is stored before. */
const loadPointer: Form = (draft) => {
  const { bitness, random } = draft;
  if (bitness === 64) return undefined;
  const at: MemoryTarget = {
    ...{ kind: 'memory', mod: 1, rm: bitness === 16 ? 7 : 3, hasAddressPrefix: false, before: [] },
    displacement: [random.below(128)],
  };
  const [mnemonic, opcode] = random.pick([
    ...[['les', [0xc4]] as const, ['lds', [0xc5]] as const],
    ...(bitness === 16 ? [['lfs', [0x0f, 0xb4]] as const, ['lgs', [0x0f, 0xb5]] as const] : []),
  ]);
  const size = bitness === 16 ? 2 : 4;
  const store = (displacement: number, value: bigint | number): Piece =>
    draft.plain({
      ...{ mnemonic: 'mov', size: bitness === 16 ? 2 : 4, opcode: [0xc7], reg: 0 },
      target: { ...at, displacement: [displacement] },
      immediate: littleEndian(value, size),
    });
  const [first] = at.displacement;
  const low = Math.min(first!, 120);
  return [
    store(low, random.value()),
    store(low + size, dataSelector(draft)),
    draft.plain({ mnemonic, size, opcode, reg: AX, target: { ...at, displacement: [low] } }),
  ];
};

/** What asks about selectors and tables, and changes nothing but a register and ZF. */
const ask: Form = (draft) => {
  if (draft.bitness === 16) return undefined;
  const { random } = draft;
  const size = draft.wordSize();
  const target = { kind: 'register', index: AX } as const;
  const selector = draft.load(AX, random.pick([0, 8, 16, 19, 24, 40, NOT_PRESENT_SELECTOR, 0x100, 0x14]));
  const [mnemonic, opcode, reg] = random.pick([
    ['lar', [0x0f, 0x02], draft.register(size)],
    ['lsl', [0x0f, 0x03], draft.register(size)],
    ['verr', [0x0f, 0x00], 4],
    ['verw', [0x0f, 0x00], 5],
  ] as const);
  if (mnemonic.startsWith('ver')) return [selector, draft.plain({ mnemonic, opcode, reg, target })];
  return [selector, draft.piece({ mnemonic, size, opcode, reg, target })];
};

const readSystem: Form = (draft) => {
  const { random, bitness } = draft;
  const isMemory = random.chance(0.5);
  if (isMemory) {
    const [mnemonic, reg] = random.pick([
      ['sgdt', 0],
      ['sidt', 1],
    ] as const);
    return draft.unit({ mnemonic, opcode: [0x0f, 0x01], reg, target: draft.memory() });
  }
  const target = { kind: 'register', index: draft.register(4) } as const;
  if (random.chance(0.5))
    return [draft.piece({ mnemonic: 'smsw', size: 4, opcode: [0x0f, 0x01], reg: 4, target })];
  const hasRex = target.index > 7;
  return [
    encode({ bitness, hasRex, mnemonic: 'mov', opcode: [0x0f, 0x20], reg: random.pick([0, 2, 4]), target }),
  ];
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

/** Selectors that no data segment register takes: beyond the table, code that is not readable, not present. */
const badSelector: Form = (draft) => {
  if (draft.bitness === 16) return undefined;
  const selector = draft.random.pick([0x100, 0x1004, NOT_PRESENT_SELECTOR, 0xfff8]);
  const target = { kind: 'register', index: AX } as const;
  const reg = draft.random.pick([ES, DS, SS]);
  return [draft.load(AX, selector), draft.plain({ mnemonic: 'mov', opcode: [0x8e], reg, target })];
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

export const CONTROL_FORMS: readonly WeightedForm[] = [
  { weight: 5, form: jumpIf },
  { weight: 2, form: jump },
  { weight: 2, form: jumpOnCounter },
  { weight: 1, form: loop },
  { weight: 1, form: callAndReturn },
  { weight: 1, form: jumpThroughRegister },
  { weight: 1.5, form: loadSegment },
  { weight: 1, form: storeSegment },
  { weight: 1, form: pushSegment },
  { weight: 1, form: loadPointer },
  { weight: 0.5, form: ask },
  { weight: 0.5, form: readSystem },
  { weight: 0.5, form: nothing },
  { weight: 0.3, form: invalid },
  { weight: 0.3, form: breakpoint },
  { weight: 0.4, form: interrupt },
  { weight: 0.4, form: onOverflow },
  { weight: 0.3, form: bound },
  { weight: 0.4, form: badSelector },
  { weight: 0.6, form: badAddress },
];
