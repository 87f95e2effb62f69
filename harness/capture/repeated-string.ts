/** Repeated string instructions, told by their bytes. Source: Intel SDM 2A §2.1.1 (prefixes), 2B REP/REPE/REPNE. */
import type { Instruction } from '../x86/instruction.ts';

const LEGACY_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
const REPEATS = new Set([0xf2, 0xf3]);
/** INS OUTS · MOVS CMPS · STOS LODS SCAS. */
const STRING_OPCODES = new Set([
  ...[0x6c, 0x6d, 0x6e, 0x6f],
  ...[0xa4, 0xa5, 0xa6, 0xa7],
  ...[0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf],
]);

export function isRepeatedString({ bytes }: Pick<Instruction, 'bytes'>, bitness: 16 | 32 | 64): boolean {
  const end = bytes.findIndex((byte) => !LEGACY_PREFIXES.has(byte));
  if (end < 0 || !bytes.subarray(0, end).some((byte) => REPEATS.has(byte))) return false;
  const isRex = bitness === 64 && (bytes[end]! & 0xf0) === 0x40;
  return STRING_OPCODES.has(bytes[isRex ? end + 1 : end] ?? 0);
}
