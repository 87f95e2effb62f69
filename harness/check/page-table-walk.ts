/**
 * All of the 4-level page tables in a physical memory, entry by entry: where each leads, and what is wrong with it.
 * Source: Intel SDM 3A §4.5 (4-level paging), §4.5.4 and tables 4-14 to 4-19 (which bits are reserved).
 */
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { pageAt } from './end-state.ts';

/** 4: PML4, 3: page directory pointers, 2: page directory, 1: page table. */
export type TableLevel = 1 | 2 | 3 | 4;

export interface PageTable {
  readonly physical: number;
  readonly level: TableLevel;
  /** The first linear address that goes through it. */
  readonly linear: bigint;
}

/** Entries of one table that follow each other and map pages that do, with the same flags. */
export interface Mapping {
  readonly linear: bigint;
  readonly physical: number;
  /** Of all of them. */
  readonly sizeBytes: number;
  /** 4 KiB, 2 MiB or 1 GiB. */
  readonly pageBytes: number;
  /** The first of them. */
  readonly entry: EntryPlace;
}

export interface EntryPlace {
  readonly table: PageTable;
  readonly index: number;
  readonly value: bigint;
}

/** An entry that the CPU would answer with a page fault, or that leads to nothing. */
export interface BadEntry extends EntryPlace {
  readonly problem: 'reserved bits' | 'no such memory';
}

export interface PageTables {
  /** Each as often as it is come by, the PML4 first. */
  readonly tables: readonly PageTable[];
  readonly mappings: readonly Mapping[];
  readonly bad: readonly BadEntry[];
  /** There was more than a bound allows: tables that lead to themselves. */
  readonly isCut: boolean;
}

export interface PagingFacts {
  /** MAXPHYADDR: address bits from here on are reserved; QEMU's default CPU has 40. */
  readonly physicalBits: number;
  /** EFER.NXE: bit 63 is no reserved bit. */
  readonly hasExecuteDisable: boolean;
}

const [PRESENT, LARGE] = [1, 1 << 7];
const ENTRIES = 512;
/** Early boot has a few dozen. */
const MOST_TABLES = 512;
const PAGE = 4096;

/** Pages of this level's entries, in bytes; of the PML4 there are none. */
const SPAN: Readonly<Record<TableLevel, number>> = { 1: PAGE, 2: 2 ** 21, 3: 2 ** 30, 4: 2 ** 39 };

/** @param cr3 physical address of the PML4; its low 12 bits do not count */
export function walkPageTables(memory: PhysicalMemory, cr3: bigint, facts: PagingFacts): PageTables {
  return new Walk(memory, facts).from(Number(BigInt.asUintN(52, cr3)) - Number(cr3 & 0xfffn));
}

class Walk implements PageTables {
  readonly tables: PageTable[] = [];
  readonly mappings: Mapping[] = [];
  readonly bad: BadEntry[] = [];
  isCut = false;
  readonly #memory: PhysicalMemory;
  /** Of an entry's high word: reserved at every level. */
  readonly #reservedHigh: number;
  /** The mapping that grows, and its last entry. */
  #last: { sizeBytes: number } | undefined;
  #table: PageTable | undefined;
  #index = 0;
  #low = 0;
  #high = 0;

  constructor(memory: PhysicalMemory, { physicalBits, hasExecuteDisable }: PagingFacts) {
    this.#memory = memory;
    const address = 0x000f_ffff & ~(2 ** (physicalBits - 32) - 1);
    this.#reservedHigh = address | (hasExecuteDisable ? 0 : 1 << 31);
  }

  from(physical: number): this {
    this.#walk({ physical, level: 4, linear: 0n });
    return this;
  }

  #walk(table: PageTable): void {
    if (this.tables.length === MOST_TABLES) {
      this.isCut = true;
      return;
    }
    this.tables.push(table);
    const bytes = pageAt(this.#memory, table.physical / PAGE);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, 2 * ENTRIES);
    for (let index = 0; index < ENTRIES; index++) {
      const low = words[2 * index]!;
      if ((low & PRESENT) !== 0) this.#entry(table, index, low, words[2 * index + 1]!);
    }
  }

  #entry(table: PageTable, index: number, low: number, high: number): void {
    const { level } = table;
    const isLeaf = level === 1 || ((low & LARGE) !== 0 && level !== 4);
    if ((high & this.#reservedHigh) !== 0 || hasReservedLow(level, low, isLeaf)) {
      this.bad.push({ table, index, value: valueOf(low, high), problem: 'reserved bits' });
      return;
    }
    const address = (high & 0x000f_ffff) * 2 ** 32 + ((low & ~0xfff) >>> 0);
    if (isLeaf) this.#map(table, index, low, high, address);
    else if (!this.#memory.has(address / PAGE))
      this.bad.push({ table, index, value: valueOf(low, high), problem: 'no such memory' });
    else this.#walk({ physical: address, level: (level - 1) as TableLevel, linear: linearOf(table, index) });
  }

  #map(table: PageTable, index: number, low: number, high: number, address: number): void {
    const pageBytes = SPAN[table.level];
    const last = this.#last;
    if (last && this.#isNext(table, index, low, high)) last.sizeBytes += pageBytes;
    else {
      const mapping = {
        linear: linearOf(table, index),
        // Bit 12 of a large page's entry is its memory type (PAT).
        physical: address - (address % pageBytes),
        ...{ sizeBytes: pageBytes, pageBytes },
        entry: { table, index, value: valueOf(low, high) },
      };
      this.mappings.push(mapping);
      this.#last = mapping;
    }
    [this.#table, this.#index, this.#low, this.#high] = [table, index, low, high];
  }

  #isNext(table: PageTable, index: number, low: number, high: number): boolean {
    const isBehind = table === this.#table && index === this.#index + 1 && high === this.#high;
    return isBehind && low >>> 0 === (this.#low >>> 0) + SPAN[table.level];
  }
}

function valueOf(low: number, high: number): bigint {
  return BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
}

/** A PML4's bit 7; bits 13 up to the page's size in a large page's entry. */
function hasReservedLow(level: TableLevel, low: number, isLeaf: boolean): boolean {
  if (level === 4) return (low & LARGE) !== 0;
  if (level === 1 || !isLeaf) return false;
  return (low & (SPAN[level] - 0x2000)) !== 0;
}

function linearOf({ level, linear }: PageTable, index: number): bigint {
  const address = linear + BigInt(index) * BigInt(SPAN[level]);
  return level === 4 ? BigInt.asUintN(64, BigInt.asIntN(48, address)) : address;
}
