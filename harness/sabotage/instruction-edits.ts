/** Changes to one instruction that keep its length. Encodings: Intel SDM vol. 2, chapter 2 (ModRM, SIB, displacement). */
import type { Instruction, MemoryOperand } from '../x86/instruction.ts';
import { type Patch, SabotageImpossibleError } from './xen-reader.ts';

const NOP = 0x90;

/** @throws SabotageImpossibleError naming `what`, where no instruction matches. */
export function find(
  code: readonly Instruction[],
  what: string,
  matches: (instruction: Instruction, index: number) => boolean,
): Instruction {
  const found = code.find(matches);
  if (!found) throw new SabotageImpossibleError(what);
  return found;
}

export function memoryOperand({ operands }: Instruction): MemoryOperand | undefined {
  return operands.find((operand) => operand.kind === 'memory');
}

/** Whether the instruction names `address`, with a base register or from where it runs. */
export function refersTo(instruction: Instruction, address: number): boolean {
  const memory = memoryOperand(instruction);
  const named = memory?.base === 'rip' || memory?.base === 'eip' ? memory.ripRelative : memory?.displacement;
  return named === BigInt(address);
}

export function isStoreTo(instruction: Instruction, address: number): boolean {
  return (
    instruction.mnemonic === 'mov' &&
    instruction.operands[0]?.kind === 'memory' &&
    refersTo(instruction, address)
  );
}

/** The instruction does nothing. */
export function removed({ address, length }: Instruction): Patch {
  return { linkTime: Number(address), bytes: new Uint8Array(length).fill(NOP) };
}

/** The last byte of the instruction, which must be a whole field of it: an 8-bit displacement or immediate. */
export function withLastByte({ address, bytes }: Instruction, value: number): Patch {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(value & 0xff, changed.length - 1);
  return { linkTime: Number(address), bytes: changed };
}

/** Two neighbours in the other order. @throws SabotageImpossibleError where they are no neighbours. */
export function swapped(first: Instruction, second: Instruction): Patch {
  if (first.address + BigInt(first.length) !== second.address)
    throw new SabotageImpossibleError(`${second.text} right after ${first.text}`);
  return { linkTime: Number(first.address), bytes: Buffer.concat([second.bytes, first.bytes]) };
}

/** The 32-bit displacement or immediate that ends the instruction, plus `difference`. */
export function lastFieldPlus({ address, bytes }: Instruction, difference: number): Patch {
  const changed = Buffer.from(bytes);
  const at = changed.length - 4;
  if (at < 1) throw new SabotageImpossibleError('32-bit field at the end of that instruction');
  changed.writeInt32LE((changed.readInt32LE(at) + difference) | 0, at);
  return { linkTime: Number(address), bytes: changed };
}

const MOD_DISP32 = 0x80;
const RM_SIB = 4;
/** Without a mod field: a displacement and no base, in ModRM and in SIB alike. */
const NO_BASE = 5;

/**
 * `disp32(%base)` becomes `disp32`, `disp32(%base,%index,8)` becomes `disp32(,%index,8)`: the address as linked. 32-bit
 * code only. The instruction ends in the displacement.
 */
export function withoutBase(instruction: Instruction): Patch {
  const changed = Buffer.from(instruction.bytes);
  const hasSib = memoryOperand(instruction)?.index !== undefined;
  const modRm = changed.length - (hasSib ? 6 : 5);
  if (modRm < 1 || (changed.readUInt8(modRm) & 0xc0) !== MOD_DISP32)
    throw new SabotageImpossibleError(
      `base register and 32-bit displacement at the end of ${instruction.text}`,
    );
  const kept = changed.readUInt8(modRm) & 0x38;
  changed.writeUInt8(kept | (hasSib ? RM_SIB : NO_BASE), modRm);
  if (hasSib) changed.writeUInt8((changed.readUInt8(modRm + 1) & 0xf8) | NO_BASE, modRm + 1);
  return { linkTime: Number(instruction.address), bytes: changed };
}
