/** UEFI's tables in memory: from the address of a function to its name. */
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { type Service, slotAddress, SYSTEM_TABLE, TABLES } from './efi-services.ts';
import { isKnown } from './known-memory.ts';
import type { TableKind } from './machine-profile.ts';

export interface TablePlace {
  readonly kind: TableKind;
  readonly address: number;
}

/** A slot that nobody said anything of holds its own address: a call to it is told by its name, not as unknown memory. */
export function fillTables(tables: readonly TablePlace[], memory: PhysicalMemory): void {
  for (const { slot } of slots(tables)) if (!isKnown(memory, slot)) memory.load(slot, pointer(slot));
}

/** Linear address → service. Same functions, other interfaces: each table is one more way to the same. */
export class EfiFunctions {
  readonly #services = new Map<number, Service>();
  readonly #tables: TablePlace[] = [];

  get tables(): readonly TablePlace[] {
    return this.#tables;
  }

  /** @param memory where slots that are not known yet may become so */
  constructor(
    readonly memory: PhysicalMemory,
    tables: readonly TablePlace[] = [],
  ) {
    for (const table of tables) this.add(table);
  }

  add(table: TablePlace): void {
    if (this.#tables.some(({ kind, address }) => kind === table.kind && address === table.address)) return;
    this.#tables.push(table);
    this.#read([table]);
    if (table.kind !== 'system') return;
    for (const { kind, offset } of SYSTEM_TABLE.pointers)
      if (isKnown(this.memory, table.address + offset))
        this.add({ kind, address: readPointer(this.memory, table.address + offset) });
  }

  /** Where functions begin, as far as they are known. */
  get targets(): number[] {
    return [...this.#services.keys()];
  }

  /** @param target physical, as mapped 1:1 */
  at(target: number): Service | undefined {
    return this.#services.get(target);
  }

  #read(tables: readonly TablePlace[]): void {
    for (const { slot, service } of slots(tables)) {
      if (!isKnown(this.memory, slot)) continue;
      const target = readPointer(this.memory, slot);
      if (!this.#services.has(target)) this.#services.set(target, service);
    }
  }
}

function slots(tables: readonly TablePlace[]): { slot: number; service: Service }[] {
  return tables.flatMap(({ kind, address }) =>
    TABLES[kind].services.map((service, index) => ({ slot: slotAddress(kind, address, index), service })),
  );
}

export function readPointer(memory: PhysicalMemory, at: number): number {
  return Number(Buffer.from(memory.read(at, 8)).readBigUInt64LE());
}

function pointer(address: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(address));
  return bytes;
}
