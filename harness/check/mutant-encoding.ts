/** The bytes of an instruction that name its memory operand. Source: Intel SDM 2A §2.1 (ModR/M, SIB), §2.2.1 (REX). */
import type { Bitness } from '../x86/execute/cpu.ts';

export interface ModRmFields {
  /** Where the REX prefix is, if there is one. */
  readonly rex: number | undefined;
  readonly modRm: number;
  readonly sib: number | undefined;
  readonly addressBits: 16 | 32 | 64;
  /** Where the displacement is; no bytes where there is none. */
  readonly displacement: number;
  readonly displacementBytes: 0 | 1 | 2 | 4;
}

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
const ADDRESS_SIZE = 0x67;
const ESCAPE = 0x0f;
/** Memory operands without ModR/M: `in`/`out` strings, `mov moffs`, strings, `xlat`. */
const WITHOUT_MODRM = new Set([
  ...[0x6c, 0x6d, 0x6e, 0x6f, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7],
  ...[0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xd7],
]);
/** VEX and EVEX; outside 64-bit code also LES, LDS and BOUND, which are not worth telling apart. */
const VECTOR = new Set([0xc4, 0xc5, 0x62]);

/** @param bytes an instruction that has a memory operand. @returns undefined where no ModR/M names it. */
export function modRmFields(bytes: Uint8Array, bitness: Bitness): ModRmFields | undefined {
  let at = 0;
  while (PREFIXES.has(bytes[at] ?? 0)) at++;
  const isShort = bytes.subarray(0, at).includes(ADDRESS_SIZE);
  const hasRex = bitness === 64 && ((bytes[at] ?? 0) & 0xf0) === 0x40;
  const rex = hasRex ? at++ : undefined;
  const opcode = bytes[at++] ?? 0;
  if (opcode !== ESCAPE && (WITHOUT_MODRM.has(opcode) || VECTOR.has(opcode))) return undefined;
  if (opcode === ESCAPE) {
    const second = bytes[at++] ?? 0;
    if (second === 0x38 || second === 0x3a) at++;
  }
  return fieldsAt(bytes, at, rex, addressBits(bitness, isShort));
}

function addressBits(bitness: Bitness, isShort: boolean): ModRmFields['addressBits'] {
  if (bitness === 64) return isShort ? 32 : 64;
  return (bitness === 32) === isShort ? 16 : 32;
}

function fieldsAt(
  bytes: Uint8Array,
  modRm: number,
  rex: number | undefined,
  addressBits: ModRmFields['addressBits'],
): ModRmFields | undefined {
  const value = bytes[modRm];
  if (value === undefined || value >> 6 === 3) return undefined;
  const [mod, rm] = [value >> 6, value & 7];
  if (addressBits === 16) {
    const displacementBytes = mod === 2 || (mod === 0 && rm === 6) ? 2 : mod === 1 ? 1 : 0;
    return { rex, modRm, sib: undefined, addressBits, displacement: modRm + 1, displacementBytes };
  }
  const sib = rm === 4 ? modRm + 1 : undefined;
  const low = sib === undefined ? rm : (bytes[sib] ?? 0) & 7;
  const displacementBytes = mod === 2 || (mod === 0 && low === 5) ? 4 : mod === 1 ? 1 : 0;
  return { rex, modRm, sib, addressBits, displacement: (sib ?? modRm) + 1, displacementBytes };
}
