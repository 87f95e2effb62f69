/** Edits of one instruction that take the base out of it and keep its length. Encodings: Intel SDM 2A, chapter 2. */
import type { Bitness } from '../x86/execute/cpu.ts';
import type { MemoryOperand } from '../x86/instruction.ts';
import { modRmFields, type ModRmFields } from './mutant-encoding.ts';

export interface Edit {
  /** As many as the instruction has. */
  readonly bytes: Uint8Array;
  /** A 32-bit distance from the next instruction, from which load base − link base is still to be taken. */
  readonly distanceAt?: number;
}

/** Why there is no such edit; a clause. */
export interface NoEdit {
  readonly reason: string;
}

const NOP = 0x90;
const NO_ROOM_FOR_ADDRESS: NoEdit = { reason: 'it has no room for a 32-bit address' };
const NO_ROOM_FOR_VALUE: NoEdit = { reason: 'it has no room for a 32-bit value' };
/** Without a mod field: a displacement and no base, in ModRM and in SIB alike; in 64-bit ModRM relative to RIP. */
const NO_BASE = 5;
const NO_INDEX = 4;
const RM_SIB = 4;
const REX_X = 2;
const REX_B = 1;

export interface Site {
  readonly bytes: Uint8Array;
  readonly bitness: Bitness;
  /** Link-time address behind the instruction. */
  readonly next: number;
}

export function isEdit(result: Edit | NoEdit): result is Edit {
  return 'bytes' in result;
}

/** It does nothing. */
export function nothing({ bytes }: Pick<Site, 'bytes'>): Edit {
  return { bytes: new Uint8Array(bytes.length).fill(NOP) };
}

/**
 * The memory operand without its base register, or without its index.
 * @param linkTime what that register would hold at the link base: 0 where it holds the base itself
 */
export function withoutRegister(
  site: Site,
  memory: MemoryOperand,
  part: 'base' | 'index',
  linkTime: bigint,
): Edit | NoEdit {
  const fields = modRmFields(site.bytes, site.bitness);
  if (!fields) return { reason: 'no ModR/M byte names its memory operand' };
  if (part === 'index')
    return memory.scale === 1 && linkTime === 0n
      ? withoutIndex(site.bytes, fields)
      : { reason: 'its index is scaled' };
  if (fields.addressBits === 16) return withoutBase16(site.bytes, fields, linkTime);
  if (fields.displacementBytes === 4) return withoutBase(site, fields, linkTime);
  return memory.index !== undefined && memory.scale === 1 && linkTime === 0n
    ? indexAsBase(site.bytes, fields)
    : NO_ROOM_FOR_ADDRESS;
}

function withoutIndex(bytes: Uint8Array, { sib, rex }: ModRmFields): Edit | NoEdit {
  if (sib === undefined) return NO_ROOM_FOR_ADDRESS;
  const changed = Buffer.from(bytes);
  changed.writeUInt8((changed.readUInt8(sib) & 0xc7) | (NO_INDEX << 3), sib);
  clearRex(changed, rex, REX_X);
  return { bytes: changed };
}

/** `disp16(%si)` becomes `disp16`. SDM 2A table 2-1. */
function withoutBase16(bytes: Uint8Array, fields: ModRmFields, linkTime: bigint): Edit | NoEdit {
  if (fields.displacementBytes !== 2 || linkTime !== 0n)
    return { reason: 'it has no room for a 16-bit address' };
  const changed = Buffer.from(bytes);
  changed.writeUInt8((changed.readUInt8(fields.modRm) & 0x38) | 6, fields.modRm);
  return { bytes: changed };
}

/** `disp32(%base)` becomes `disp32`; in 64-bit code without SIB, where that does not exist, it goes by the distance. */
function withoutBase({ bytes, bitness, next }: Site, fields: ModRmFields, linkTime: bigint): Edit | NoEdit {
  const { rex, modRm, sib, displacement } = fields;
  const changed = Buffer.from(bytes);
  const address = BigInt.asIntN(64, BigInt(changed.readInt32LE(displacement)) + linkTime);
  const isRelative = bitness === 64 && sib === undefined;
  if (isRelative && fields.addressBits === 32) return { reason: 'its 32-bit address is in 64-bit code' };
  const field = isRelative ? address - BigInt(next) : bitness === 64 ? address : BigInt.asIntN(32, address);
  if (BigInt.asIntN(32, field) !== field) return NO_ROOM_FOR_ADDRESS;
  const kept = changed.readUInt8(modRm) & 0x38;
  changed.writeUInt8(kept | (sib === undefined ? NO_BASE : RM_SIB), modRm);
  if (sib !== undefined) changed.writeUInt8((changed.readUInt8(sib) & 0xf8) | NO_BASE, sib);
  clearRex(changed, rex, REX_B);
  changed.writeInt32LE(Number(field), displacement);
  return { bytes: changed, ...(isRelative && { distanceAt: displacement }) };
}

/** `disp8(%base,%index,1)` becomes `disp8(%index)`, which a SIB byte without index can say, too. */
function indexAsBase(bytes: Uint8Array, { rex, sib, displacementBytes }: ModRmFields): Edit | NoEdit {
  if (sib === undefined) return NO_ROOM_FOR_ADDRESS;
  const changed = Buffer.from(bytes);
  const index = (changed.readUInt8(sib) >> 3) & 7;
  if (index === NO_BASE && displacementBytes === 0) return NO_ROOM_FOR_ADDRESS;
  changed.writeUInt8((NO_INDEX << 3) | index, sib);
  if (rex !== undefined) {
    const before = changed.readUInt8(rex);
    changed.writeUInt8((before & ~(REX_X | REX_B)) | ((before & REX_X) === 0 ? 0 : REX_B), rex);
  }
  return { bytes: changed };
}

/** 64-bit code: the place where what `disp(%rip)` names is at the link base. */
export function atLinkTime({ bytes, bitness }: Site): Edit | NoEdit {
  const fields = modRmFields(bytes, bitness);
  if (fields?.addressBits !== 64) return { reason: 'its memory operand is not relative to RIP' };
  return { bytes: Uint8Array.from(bytes), distanceAt: fields.displacement };
}

const MOV_TO_REGISTER = 0xb8;
const REX = 0x40;
const OPERAND_SIZE = 0x66;

/** `mov $value, %register`, then no-ops. @param register in the order of encoding @param value unsigned, of 32 bits */
export function immediate({ bytes, bitness }: Site, register: number, value: bigint): Edit | NoEdit {
  const prefix = bitness === 16 ? [OPERAND_SIZE] : register >= 8 ? [REX | REX_B] : [];
  const valueAt = prefix.length + 1;
  if (value > 0xffff_ffffn || bytes.length < valueAt + 4) return NO_ROOM_FOR_VALUE;
  const changed = Buffer.alloc(bytes.length, NOP);
  changed.set([...prefix, MOV_TO_REGISTER | (register & 7)]);
  changed.writeUInt32LE(Number(value), valueAt);
  return { bytes: changed };
}

/** SDM 2B: `MOV r/m, r` and `MOV r, r/m`. */
const MOVES = [0x89, 0x8b];
const XOR = 0x31;
const ADD_FROM_MEMORY = 0x03;
const COMPARE_WITH_MEMORY = 0x3b;

/** `mov %source, %destination` becomes `xor %destination, %destination`. @param destination in the order of encoding */
export function zeroed({ bytes, bitness }: Site, destination: number): Edit | NoEdit {
  const at = bytes.length - 2;
  if (at < 0 || !MOVES.includes(bytes[at]!)) return { reason: 'no rule says how to move 0 instead' };
  const changed = Uint8Array.from(bytes);
  changed[at] = XOR;
  changed[at + 1] = 0xc0 | ((destination & 7) << 3) | (destination & 7);
  const hasRex = bitness === 64 && at > 0 && (changed[at - 1]! & 0xf0) === REX;
  if (hasRex) changed[at - 1] = (changed[at - 1]! & ~5) | (destination >= 8 ? 5 : 0);
  return { bytes: changed };
}

/** `add memory, %register` becomes `cmp memory, %register`, which leaves the operand's bytes as they are. */
export function compared({ bytes }: Site): Edit | NoEdit {
  const at = bytes.indexOf(ADD_FROM_MEMORY);
  if (at < 0 || at > 2) return { reason: 'the image changes its bytes before they are executed' };
  const changed = Uint8Array.from(bytes);
  changed[at] = COMPARE_WITH_MEMORY;
  return { bytes: changed };
}

function clearRex(bytes: Buffer, rex: number | undefined, bit: number): void {
  if (rex !== undefined) bytes.writeUInt8(bytes.readUInt8(rex) & ~bit, rex);
}
