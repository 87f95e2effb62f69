/** Jumps, calls, loops (opcodes: SDM 2D appendix A). */
import { AX, CX, littleEndian, type Piece } from './encoding.ts';
import type { Draft } from './draft.ts';
import type { Form, Unit, WeightedForm } from './form.ts';
import { CONDITION_NAMES } from './transfer-forms.ts';

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

export const CONTROL_FORMS: readonly WeightedForm[] = [
  { weight: 5, form: jumpIf },
  { weight: 2, form: jump },
  { weight: 2, form: jumpOnCounter },
  { weight: 1, form: loop },
  { weight: 1, form: callAndReturn },
  { weight: 1, form: jumpThroughRegister },
];
