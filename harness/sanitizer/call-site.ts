/** The call that a return address belongs to. Encodings: Intel SDM vol. 2, CALL (E8 cd, FF /2) and §2.1.3 (ModR/M, SIB). */
import { instructionAt } from './instruction-at.ts';
import type { Cpu } from '../x86/execute/cpu.ts';

/** A near call has up to a prefix, an opcode, ModR/M, SIB and a displacement of 32 bits. */
const LONGEST_CALL = 8;
const RELATIVE = 0xe8;
const RELATIVE_BYTES = 5;
const GROUP_5 = 0xff;
const CALL_OF_GROUP_5 = 2;

/** @returns where the call before `returnAddress` begins; the return address itself where no call can be made out */
export function callSite(cpu: Cpu, returnAddress: bigint): bigint {
  const { bytes } = instructionAt(cpu, returnAddress - BigInt(LONGEST_CALL));
  const before = bytes.subarray(0, LONGEST_CALL);
  const length = before.length < LONGEST_CALL ? 0 : lengthOfCall(before);
  return returnAddress - BigInt(length);
}

/** @param before bytes that end where the call does. @returns 0: none is seen */
export function lengthOfCall(before: Uint8Array): number {
  if (before.at(-RELATIVE_BYTES) === RELATIVE) return RELATIVE_BYTES;
  for (let length = 2; length < LONGEST_CALL; length++) {
    const [opcode, modRm = 0, sib = 0] = before.subarray(-length);
    if (opcode !== GROUP_5 || ((modRm >> 3) & 7) !== CALL_OF_GROUP_5) continue;
    if (length === 2 + operandBytes(modRm, sib)) return length + prefixBytes(before.at(-length - 1));
  }
  return 0;
}

/** Behind ModR/M. */
function operandBytes(modRm: number, sib: number): number {
  const [mod, rm] = [modRm >> 6, modRm & 7];
  if (mod === 3) return 0;
  const sibBytes = rm === 4 ? 1 : 0;
  const hasNoBase = mod === 0 && (rm === 5 || (rm === 4 && (sib & 7) === 5));
  if (mod === 2 || hasNoBase) return sibBytes + 4;
  return sibBytes + mod;
}

/** REX: of a register from R8 on. */
const prefixBytes = (byte = 0): number => (byte >= 0x40 && byte <= 0x4f ? 1 : 0);
