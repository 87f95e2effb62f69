/** Segment registers, selectors and tables (opcodes: SDM 2D appendix A). */
import { AX, encode, littleEndian, type MemoryTarget, type Piece } from './encoding.ts';
import type { Draft } from './draft.ts';
import type { Form, WeightedForm } from './form.ts';
import { DATA_SELECTORS, LOW_SCRATCH_SEGMENT, NOT_PRESENT_SELECTOR } from './places.ts';

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

export const SEGMENT_FORMS: readonly WeightedForm[] = [
  { weight: 1.5, form: loadSegment },
  { weight: 1, form: storeSegment },
  { weight: 1, form: pushSegment },
  { weight: 1, form: loadPointer },
  { weight: 0.5, form: ask },
  { weight: 0.5, form: readSystem },
];
