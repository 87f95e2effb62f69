/**
 * Memory operands that stay in scratch memory: BX points to its middle, other registers are loaded before they take part.
 * In real mode the data segments begin within 4 KiB of scratch memory's own.
 */
import { AX, BP, BX, CX, DX, encode, littleEndian, type MemoryTarget, type Piece, SP } from './encoding.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import type { Random } from './random.ts';

/** What an operand is picked for. */
export interface Draft {
  readonly random: Random;
  readonly bitness: Bitness;
  readonly hasRex: boolean;
  byte(): number[];
  load(register: number, value: number): Piece;
}

export interface ScratchOptions {
  /** Code is never written: CS is no segment for it. */
  readonly isRead?: boolean;
  /** Of the displacement; no index then. */
  readonly alignment?: number;
  /** CX is loaded with something else before the instruction. */
  readonly takesCx?: boolean;
}

/** Displacements of more than a byte, either way. */
const REACH = 0x2000;
const MAX_INDEX = 0xff;
const MAX_STACK_OFFSET = 64;
/** Of [disp16], [bp + …], [bx + si …] in ModR/M (SDM 2A table 2-1). */
const [BP_16, BX_16, SI_16, DI_16] = [6, 7, 0, 1];
const [ES, CS, SS, DS, FS, GS] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

type Place = Omit<MemoryTarget, 'kind' | 'segmentPrefix' | 'hasAddressPrefix' | 'before'> & {
  readonly before?: readonly Piece[];
};

export function scratchTarget(draft: Draft, options: ScratchOptions): MemoryTarget {
  const { random, bitness } = draft;
  const hasAddressPrefix = bitness !== 32 && random.chance(0.15);
  const is16 = bitness === 16 && !hasAddressPrefix;
  const place = is16 ? place16(draft, options) : place32(draft, options);
  const segmentPrefix = random.chance(0.2) ? random.pick(segmentPrefixes(draft, options)) : undefined;
  return {
    ...{ kind: 'memory', hasAddressPrefix, before: [], ...place },
    ...(segmentPrefix === undefined ? {} : { segmentPrefix }),
  };
}

/** FS leads to the specimen's own places, but in real mode. */
function segmentPrefixes({ bitness }: Draft, { isRead = false }: ScratchOptions): number[] {
  const readOnly = isRead || bitness === 64 ? [CS] : [];
  return [ES, SS, DS, GS, ...(bitness === 16 ? [FS] : []), ...readOnly];
}

interface Displacement {
  readonly mod: 0 | 1 | 2;
  readonly displacement: readonly number[];
}

/** None, a byte or all; `sizeBytes`: of all. */
function displacement({ random }: Draft, sizeBytes: number, { alignment = 1 }: ScratchOptions): Displacement {
  const cut = (value: number): number => value - (value % alignment);
  const mod = random.pick([0, 1, 2] as const);
  if (mod === 0) return { mod, displacement: [] };
  const value = mod === 1 ? random.between(-128, 127) : random.between(-REACH, REACH);
  return { mod, displacement: littleEndian(cut(value), mod === 1 ? 1 : sizeBytes) };
}

function place16(draft: Draft, options: ScratchOptions): Place {
  const { random } = draft;
  const some = displacement(draft, 2, options);
  if (options.alignment !== undefined) return { ...some, rm: BX_16 };
  const which = random.below(4);
  if (which === 0)
    return { mod: 0, rm: BP_16, displacement: littleEndian(random.between(0x5000, 0xb000), 2) };
  if (which === 1) return { mod: 1, rm: BP_16, displacement: draft.byte(), before: [copyBase(draft, 2)] };
  if (which === 2) {
    const rm = random.pick([SI_16, DI_16]);
    return { ...some, rm, before: [draft.load(rm + 6, random.below(MAX_INDEX))] };
  }
  return { ...some, rm: BX_16 };
}

/** BP where BX points to. */
function copyBase({ bitness }: Draft, size: 2 | 4 | 8): Piece {
  return encode({
    ...{ bitness, mnemonic: 'mov', size, opcode: [0x89], reg: BX, target: { kind: 'register', index: BP } },
  });
}

function place32(draft: Draft, options: ScratchOptions): Place {
  const { random, bitness } = draft;
  const some = displacement(draft, 4, options);
  if (options.alignment !== undefined) return { ...some, rm: BX };
  const which = random.below(5);
  if (which === 0) {
    const sib = { scale: 1, index: SP, base: SP };
    return { mod: 1, rm: SP, sib, displacement: [random.below(MAX_STACK_OFFSET)] };
  }
  if (which === 1) {
    const size = bitness === 64 ? 8 : 4;
    return { mod: 1, rm: BP, displacement: draft.byte(), before: [copyBase(draft, size)] };
  }
  if (which === 2) {
    const index = random.pick([
      AX,
      ...(options.takesCx === true ? [] : [CX]),
      DX,
      BP,
      6,
      7,
      ...(draft.hasRex ? [8, 9, 12, 13, 15] : []),
    ]);
    const sib = { scale: random.pick([1, 2, 4, 8]), index, base: BX };
    return { ...some, rm: SP, sib, before: [draft.load(index, random.below(MAX_INDEX))] };
  }
  return { ...some, rm: BX };
}
