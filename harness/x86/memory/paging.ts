/**
 * From linear to physical addresses: no paging, 32-bit, PAE, 4-level (SDM 3A §4.3–4.5), with accessed and dirty flags
 * (§4.8), rights (§4.6) and the error code of #PF (§4.7).
 */
import { CR0, CR3, CR4, EFER, RFLAGS } from '../state/state-layout.ts';

export type Access = 'read' | 'write' | 'execute';

/** Reads and writes page tables, past all caches. Addresses are physical. */
export interface TableMemory {
  read32(address: number): number;
  write32(address: number, value: number): void;
}

/** @throws whatever `memory` throws. */
export interface Translation {
  /** Physical address >> 12. */
  readonly frame: number;
  /** How many frames in a row, aligned, are translated alike: those of a large page. */
  readonly frames: number;
}

/** #PF's error code; not a fault yet: the caller knows the address. */
export class PageFault {
  constructor(readonly errorCode: number) {}
}

const [PRESENT, WRITABLE, USER, ACCESSED, DIRTY, LARGE] = [1, 2, 4, 0x20, 0x40, 0x80];
const NO_EXECUTE_HIGH = 1 << 31;
const PSE_RESERVED = 1 << 21;
/** Bits 52 to 62: reserved with PAE paging, ignored with 4 levels. */
const PAE_RESERVED_HIGH = 0x7ff0_0000;
const [CR0_WP, CR0_PG, CR4_PSE, CR4_PAE, CR4_SMEP, CR4_SMAP] = [
  ...[1 << 16, 1 << 31, 1 << 4, 1 << 5, 1 << 20, 1 << 21],
] as [number, number, number, number, number, number];
/** With SMAP it lets the supervisor reach what is the user's. */
const ALIGNMENT_CHECK = 1 << 18;
const [EFER_LMA, EFER_NXE] = [1 << 10, 1 << 11];
/** Bits of #PF's error code. */
const [BY_RIGHTS, BY_WRITE, BY_USER, BY_RESERVED, BY_FETCH] = [1, 2, 4, 8, 16];

interface Walk {
  readonly words: Int32Array;
  readonly memory: TableMemory;
  readonly access: Access;
  readonly isUser: boolean;
  /** Of all entries together. */
  writable: boolean;
  user: boolean;
  noExecute: boolean;
}

export const isPaging = (words: Int32Array): boolean => (words[CR0]! & CR0_PG) !== 0;

/**
 * @param low, high the linear address, canonical.
 * @returns PageFault where the tables do not allow the access.
 */
export function translate(
  words: Int32Array,
  memory: TableMemory,
  low: number,
  high: number,
  access: Access,
  isUser: boolean,
): Translation | PageFault {
  // The high word is 0 but in 64-bit mode, which without paging is no machine's: vectors are run so.
  if (!isPaging(words)) return { frame: (high >>> 0) * 0x10_0000 + (low >>> 12), frames: 1 };
  const walk: Walk = { words, memory, access, isUser, writable: true, user: true, noExecute: false };
  if ((words[CR4]! & CR4_PAE) === 0) return walk32(walk, low);
  const table = tableAddress(words[CR3]!, words[CR3 + 1]!);
  return (words[EFER]! & EFER_LMA) === 0 ? walkPae(walk, low) : walk4(walk, table, low, high);
}

/** 32-bit paging: two levels of 4-byte entries. */
function walk32(walk: Walk, low: number): Translation | PageFault {
  const { words, memory } = walk;
  const directory = (words[CR3]! & 0xffff_f000) >>> 0;
  const at = directory + (low >>> 22) * 4;
  const entry = memory.read32(at);
  if ((entry & PRESENT) === 0) return notPresent(walk);
  add(walk, entry, 0);
  if ((entry & LARGE) !== 0 && (words[CR4]! & CR4_PSE) !== 0) {
    if ((entry & PSE_RESERVED) !== 0) return reserved(walk);
    // PSE-36: bits 13 to 20 are address bits 32 to 39.
    const frame = (entry >>> 22) * 1024 + ((entry >>> 13) & 0xff) * 0x10_0000 + ((low >>> 12) & 0x3ff);
    return leaf(walk, at, entry, frame);
  }
  touch(walk, at, entry, ACCESSED);
  const tableAt = ((entry & 0xffff_f000) >>> 0) + ((low >>> 12) & 0x3ff) * 4;
  const page = memory.read32(tableAt);
  if ((page & PRESENT) === 0) return notPresent(walk);
  add(walk, page, 0);
  return leaf(walk, tableAt, page, page >>> 12);
}

function walkPae(walk: Walk, low: number): Translation | PageFault {
  const { words, memory } = walk;
  const pointers = (words[CR3]! & 0xffff_ffe0) >>> 0;
  // Loaded into the CPU when CR3 is written; whoever changes them afterwards without that is not followed (SDM 3A §4.4.1).
  const at = pointers + (low >>> 30) * 8;
  const entry = memory.read32(at);
  if ((entry & PRESENT) === 0) return notPresent(walk);
  return level(walk, tableAddress(entry, memory.read32(at + 4)), 2, low, 0);
}

function walk4(walk: Walk, table: number, low: number, high: number): Translation | PageFault {
  return level(walk, table, 4, low, high);
}

/** Index bits of levels 4 to 1 of the 9-bit tables. */
function indexOf(depth: number, low: number, high: number): number {
  if (depth === 4) return (high >>> 7) & 0x1ff;
  if (depth === 3) return ((high & 0x7f) << 2) | (low >>> 30);
  return depth === 2 ? (low >>> 21) & 0x1ff : (low >>> 12) & 0x1ff;
}

function level(walk: Walk, table: number, depth: number, low: number, high: number): Translation | PageFault {
  const { memory } = walk;
  const at = table + indexOf(depth, low, high) * 8;
  const entry = memory.read32(at);
  if ((entry & PRESENT) === 0) return notPresent(walk);
  const upper = memory.read32(at + 4);
  add(walk, entry, upper);
  if ((upper & PAE_RESERVED_HIGH) !== 0 && (walk.words[EFER]! & EFER_LMA) === 0) return reserved(walk);
  if ((upper & NO_EXECUTE_HIGH) !== 0 && (walk.words[EFER]! & EFER_NXE) === 0) return reserved(walk);
  const isLarge = (entry & LARGE) !== 0;
  if (depth === 4 && isLarge) return reserved(walk);
  const frame = tableAddress(entry, upper) / 4096;
  if (depth === 1) return leaf(walk, at, entry, frame);
  if (isLarge) {
    const pages = depth === 3 ? 0x4_0000 : 0x200;
    // Bit 12 is PAT; the bits between it and the page's size are reserved.
    if (((entry >>> 13) & (pages / 2 - 1) & (depth === 3 ? 0x1_ffff : 0xff)) !== 0) return reserved(walk);
    return leaf(walk, at, entry, frame - (frame % pages) + ((low >>> 12) & (pages - 1)), pages);
  }
  touch(walk, at, entry, ACCESSED);
  return level(walk, tableAddress(entry, upper), depth - 1, low, high);
}

/** Bits 12 to 51. */
function tableAddress(low: number, high: number): number {
  return (high & 0xf_ffff) * 0x1_0000_0000 + ((low & 0xffff_f000) >>> 0);
}

function add(walk: Walk, low: number, high: number): void {
  walk.writable &&= (low & WRITABLE) !== 0;
  walk.user &&= (low & USER) !== 0;
  walk.noExecute ||= (high & NO_EXECUTE_HIGH) !== 0;
}

function touch({ memory }: Walk, at: number, entry: number, bits: number): void {
  if ((entry & bits) !== bits) memory.write32(at, entry | bits);
}

function leaf(walk: Walk, at: number, entry: number, frame: number, frames = 1): Translation | PageFault {
  const { access } = walk;
  if (!isAllowed(walk)) return new PageFault(errorCode(walk) | BY_RIGHTS);
  touch(walk, at, entry, access === 'write' ? ACCESSED | DIRTY : ACCESSED);
  return { frame, frames };
}

/** SDM 3A §4.6.1. */
function isAllowed({ access, isUser, writable, user, noExecute, words }: Walk): boolean {
  const cr4 = words[CR4]!;
  if (isUser && !user) return false;
  if (access === 'execute') return !noExecute && (isUser || !user || (cr4 & CR4_SMEP) === 0);
  if (!isUser && user && (cr4 & CR4_SMAP) !== 0 && (words[RFLAGS]! & ALIGNMENT_CHECK) === 0) return false;
  return access === 'read' || writable || (!isUser && (words[CR0]! & CR0_WP) === 0);
}

function errorCode({ access, isUser, words }: Walk): number {
  const knowsNoExecute = (words[EFER]! & EFER_NXE) !== 0 && (words[CR4]! & CR4_PAE) !== 0;
  const knowsFetch = knowsNoExecute || (words[CR4]! & CR4_SMEP) !== 0;
  return (
    (access === 'write' ? BY_WRITE : 0) |
    (isUser ? BY_USER : 0) |
    (access === 'execute' && knowsFetch ? BY_FETCH : 0)
  );
}

const notPresent = (walk: Walk): PageFault => new PageFault(errorCode(walk));
const reserved = (walk: Walk): PageFault => new PageFault(errorCode(walk) | BY_RESERVED | BY_RIGHTS);
