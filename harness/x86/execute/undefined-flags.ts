/**
 * Which flags the SDM leaves undefined (SDM 2A–2C, "Flags Affected" of each instruction): what the model, QEMU and processors
 * may differ in. The one table for all comparisons.
 */
import type { ExecutableInstruction } from '../instruction.ts';
import { ARITHMETIC, FLAG } from '../state/flags.ts';
import { GENERAL } from '../state/state-layout.ts';
import { generalRegister } from './registers.ts';

const { cf, pf, af, zf, sf, of } = FLAG;
const CL_WORD = GENERAL + 2;

/** @param count as masked by the instruction: 5 bits, of 8-byte operands 6 */
type ByCount = (count: number, bits: number) => number;

/** A count of 0 changes no flag. */
const shift =
  (isCarryLost: boolean): ByCount =>
  (count, bits) => {
    if (count === 0) return 0;
    return af | (count === 1 ? 0 : of) | (isCarryLost && count >= bits ? cf : 0);
  };

const rotate: ByCount = (count) => (count <= 1 ? 0 : of);

const doubleShift: ByCount = (count, bits) => {
  if (count === 0) return 0;
  return count > bits ? ARITHMETIC : af | (count === 1 ? 0 : of);
};

const UNDEFINED: Readonly<Record<string, number | ByCount>> = {
  ...named(['and', 'or', 'xor', 'test'], af),
  ...named(['mul', 'imul'], sf | zf | af | pf),
  ...named(['div', 'idiv'], ARITHMETIC),
  ...named(['bt', 'bts', 'btr', 'btc'], of | sf | af | pf),
  ...named(['bsf', 'bsr'], cf | of | sf | af | pf),
  ...named(['tzcnt', 'lzcnt'], of | sf | af | pf),
  ...named(['shl', 'sal', 'shr'], shift(true)),
  sar: shift(false),
  ...named(['rol', 'ror', 'rcl', 'rcr'], rotate),
  ...named(['shld', 'shrd'], doubleShift),
  ...named(['aaa', 'aas'], of | sf | zf | pf),
  ...named(['aam', 'aad'], of | af | cf),
  ...named(['daa', 'das'], of),
};

function named<T>(names: readonly string[], value: T): Readonly<Record<string, T>> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

/** @param before the state words before the instruction: a count may stand in CL. @returns a mask of RFLAGS */
export function undefinedFlags(instruction: ExecutableInstruction, before: Int32Array): number {
  const entry = Object.hasOwn(UNDEFINED, instruction.mnemonic) ? UNDEFINED[instruction.mnemonic] : 0;
  if (typeof entry !== 'function') return entry ?? 0;
  const bits = 8 * operandBytes(instruction);
  return entry(countOf(instruction, before) & (bits === 64 ? 63 : 31), bits);
}

function operandBytes({ operands: [operand] }: ExecutableInstruction): number {
  if (operand?.kind === 'memory') return operand.sizeBytes;
  return operand?.kind === 'register' ? (generalRegister(operand.register)?.size ?? 0) : 0;
}

/** The last operand: an immediate value or CL. */
function countOf({ operands }: ExecutableInstruction, before: Int32Array): number {
  const count = operands.at(-1);
  return count?.kind === 'immediate' ? Number(count.value) : before[CL_WORD]! & 0xff;
}
