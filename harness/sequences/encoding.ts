/** Bytes of one instruction from its parts (SDM 2A §2.1, §2.2). */
import type { Bitness } from '../x86/execute/cpu.ts';
import type { Size } from '../x86/execute/registers.ts';

/** Numbers as the encoding has them: 0 EAX, 1 ECX, 2 EDX, 3 EBX, 4 ESP, 5 EBP, 6 ESI, 7 EDI, R8 … R15. */
export const [AX, CX, DX, BX, SP, BP, SI, DI] = [0, 1, 2, 3, 4, 5, 6, 7];

export interface RegisterTarget {
  readonly kind: 'register';
  readonly index: number;
}

export interface MemoryTarget {
  readonly kind: 'memory';
  readonly mod: 0 | 1 | 2;
  /** As encoded; 4 with 32- and 64-bit addressing: `sib` says more. */
  readonly rm: number;
  readonly sib?: { readonly scale: number; readonly index: number; readonly base: number };
  readonly displacement: readonly number[];
  readonly segmentPrefix?: number;
  /** The other address size than the mode's. */
  readonly hasAddressPrefix: boolean;
  /** What must run before, so that the address is in scratch memory. */
  readonly before: readonly Piece[];
}

/** What ModR/M describes beside a register. */
export type Target = RegisterTarget | MemoryTarget;

/** One instruction. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** As the decoder must name it. */
  readonly mnemonic: string;
  /** A string instruction with REP or REPNE. */
  readonly isRepeated?: boolean;
}

export interface Parts {
  readonly bitness: Bitness;
  readonly mnemonic: string;
  /** Of the operands; absent: the encoding does not depend on one. */
  readonly size?: Size;
  /** In 64-bit mode 8 bytes are the default, as of pushes. */
  readonly isWideByDefault?: boolean;
  readonly opcode: readonly number[];
  /** ModR/M's middle field. */
  readonly reg?: number;
  readonly target?: Target;
  /** A register in the opcode's last byte. */
  readonly plus?: number;
  readonly immediate?: readonly number[];
  /** LOCK, REP, REPNE, an address size. */
  readonly prefixes?: readonly number[];
  /** A REX prefix in any case: SPL … DIL instead of AH … BH. */
  readonly hasRex?: boolean;
}

const OPERAND_SIZE = 0x66;
const ADDRESS_SIZE = 0x67;

export function encode(parts: Parts): Piece {
  const { mnemonic, opcode, target, plus = 0, immediate = [], prefixes = [] } = parts;
  const memory = target?.kind === 'memory' ? target : undefined;
  const bytes = [
    ...(memory?.segmentPrefix === undefined ? [] : [memory.segmentPrefix]),
    ...(memory?.hasAddressPrefix === true ? [ADDRESS_SIZE] : []),
    ...(needsOperandPrefix(parts) ? [OPERAND_SIZE] : []),
    ...prefixes,
    ...rex(parts),
    ...opcode.slice(0, -1),
    opcode.at(-1)! | (plus & 7),
    ...(target ? modRm(target, parts.reg ?? 0) : []),
    ...immediate,
  ];
  return { bytes: Uint8Array.from(bytes), mnemonic };
}

function needsOperandPrefix({ bitness, size }: Parts): boolean {
  return bitness === 16 ? size === 4 : size === 2;
}

function rex(parts: Parts): number[] {
  const { size, isWideByDefault = false, reg = 0, plus = 0, target, hasRex = false } = parts;
  const isWide = size === 8 && !isWideByDefault;
  const sib = target?.kind === 'memory' ? target.sib : undefined;
  const index = sib?.index ?? 0;
  const base = target?.kind === 'register' ? target.index : (sib?.base ?? plus);
  const bits = (isWide ? 8 : 0) | (reg > 7 ? 4 : 0) | (index > 7 ? 2 : 0) | (base > 7 ? 1 : 0);
  return hasRex || bits !== 0 ? [0x40 | bits] : [];
}

function modRm(target: Target, reg: number): number[] {
  const middle = (reg & 7) << 3;
  if (target.kind === 'register') return [0xc0 | middle | (target.index & 7)];
  const { mod, rm, sib, displacement } = target;
  const scaled = sib && (Math.log2(sib.scale) << 6) | ((sib.index & 7) << 3) | (sib.base & 7);
  return [(mod << 6) | middle | (rm & 7), ...(scaled === undefined ? [] : [scaled]), ...displacement];
}

/** Little-endian, two's complement. */
export function littleEndian(value: bigint | number, sizeBytes: number): number[] {
  const all = BigInt.asUintN(8 * sizeBytes, BigInt(value));
  return Array.from({ length: sizeBytes }, (_, index) => Number((all >> BigInt(8 * index)) & 0xffn));
}

/** The opcode with bit 0 for operands of more than a byte. */
export const sized = (opcode: number, size: Size): number => (size === 1 ? opcode : opcode | 1);
