/**
 * Runs of instructions, found again by address. What was decoded from memory that is written to later holds as long as the
 * bytes are the same.
 */
import { segmentWord, BASE, CS, RIP } from '../state/state-layout.ts';
import { PAGE_BYTES, type PhysicalPage } from '../memory/physical-memory.ts';
import { type CodeStore, type Compiled, LONGEST } from './code-store.ts';
import type { Bitness, Cpu } from './cpu.ts';
import type { Operation } from './operation.ts';
import { ModelStop } from './stop.ts';

const SLOTS = 8192;
const CODE_BASE = segmentWord(CS) + BASE;
const MAX_BLOCK = 64;

/** A run of instructions in one page, entered at its first. */
export interface Block {
  readonly low: number;
  readonly high: number;
  readonly bitness: Bitness;
  /** Of all code and translation, when the block was last seen to hold. */
  version: number;
  /** Of the translation that is known to lead to the page. */
  epoch: number;
  readonly page: PhysicalPage;
  generation: number;
  /** In that page. */
  readonly bytes: Uint8Array;
  /** Of a block whose one instruction spans two pages: the second one. */
  readonly next: PhysicalPage | undefined;
  readonly nextGeneration: number;
  readonly operations: readonly Operation[];
  readonly lengths: Uint8Array;
  /** For each how far the instruction pointer must be moved before it: 0 where it does not matter to it. */
  readonly advances: Uint16Array;
  /** Where each ends, in bytes from the block's start. */
  readonly ends: Uint16Array;
  readonly instructions: readonly Compiled[];
  /** Where control went from here the last time, with the instruction pointer there and the CPU's count of changes. */
  after: Block | undefined;
  afterLow: number;
  afterHigh: number;
  afterChanges: number;
}

export class CodeCache {
  readonly #slots: (Block | undefined)[] = new Array<Block | undefined>(SLOTS).fill(undefined);
  /** The same by where they lie in a page, as long as that lives: a page may be put at another address, code and all. */
  readonly #byPage = new WeakMap<PhysicalPage, Map<number, Block>>();

  constructor(
    readonly store: CodeStore,
    /** Asked when an instruction is first met. @returns whether code may be executed at this linear address. */
    readonly mayExecute: (low: number, high: number) => boolean = () => true,
  ) {}

  /** The block at the instruction pointer. @param limit at most so many instructions. @throws GuestFault, ModelStop */
  block(cpu: Cpu, limit = MAX_BLOCK): Block {
    const { words, bitness } = cpu;
    const low = bitness === 64 ? words[RIP]! : (words[RIP]! + words[CODE_BASE]!) | 0;
    const high = bitness === 64 ? words[RIP + 1]! : 0;
    const slot = (low ^ (low >>> 13)) & (SLOTS - 1);
    const found = this.#slots[slot];
    if (
      found?.low === low &&
      found.high === high &&
      found.bitness === bitness &&
      found.lengths.length <= limit &&
      (found.version === versionOf(cpu) || stillHolds(cpu, found))
    )
      return found;
    if (!this.mayExecute(low, high)) throw new ModelStop({ kind: 'left', linear: linearOf(low, high) });
    const page = cpu.memory.pageToExecute(low, high);
    const made = this.#again(cpu, page, low, high, limit) ?? this.#make(cpu, page, low, high, limit);
    this.#slots[slot] = made;
    return made;
  }

  /** One that was made where its page was at another address. */
  #again(cpu: Cpu, page: PhysicalPage, low: number, high: number, limit: number): Block | undefined {
    const known = this.#byPage.get(page)?.get(placeIn(low, cpu.bitness));
    if (known?.generation !== page.generation || known.lengths.length > limit) return undefined;
    for (let index = 0; index < known.ends.length - 1; index++)
      if (!this.mayExecute(low + known.ends[index]!, high)) return undefined;
    return blockAt(cpu, low, high, known);
  }

  #keep(block: Block): Block {
    if (block.next !== undefined) return block;
    const ofPage = this.#byPage.get(block.page) ?? new Map<number, Block>();
    ofPage.set(placeIn(block.low, block.bitness), block);
    this.#byPage.set(block.page, ofPage);
    return block;
  }

  #make(cpu: Cpu, page: PhysicalPage, low: number, high: number, limit: number): Block {
    const { bitness, memory } = cpu;
    const instructions: Compiled[] = [];
    let next: PhysicalPage | undefined;
    let offset = low & (PAGE_BYTES - 1);
    do {
      let compiled = this.store.compileAt(page, offset, bitness);
      // What lies further ahead may become known before it is executed.
      if (compiled && instructions.length > 0 && !isKnown(page, offset, compiled.length)) break;
      if (instructions.length > 0 && !this.mayExecute((low & -PAGE_BYTES) + offset, high)) break;
      if (compiled && mark(page, offset, compiled.length)) memory.forgetWrites();
      if (!compiled && instructions.length === 0 && offset > PAGE_BYTES - LONGEST) {
        next = memory.pageToExecute(...addressBehind(low, high, bitness));
        compiled = this.#compileAcross(bitness, page, offset, next);
        memory.forgetWrites();
      }
      if (!compiled) break;
      instructions.push(compiled);
      offset += compiled.length;
      if (compiled.endsBlock) break;
    } while (offset < PAGE_BYTES && instructions.length < limit);
    if (instructions.length === 0) throw unknownOpcode(cpu, this.store, low, high);
    const bytes = page.bytes.slice(low & (PAGE_BYTES - 1), offset);
    const operations = instructions.map(({ operation }) => operation);
    const body = { page, next, bytes, operations, instructions, ...distances(instructions) };
    return this.#keep(blockAt(cpu, low, high, body));
  }

  #compileAcross(
    bitness: Bitness,
    page: PhysicalPage,
    offset: number,
    next: PhysicalPage,
  ): Compiled | undefined {
    const here = PAGE_BYTES - offset;
    const bytes = new Uint8Array(LONGEST);
    bytes.set(page.bytes.subarray(offset));
    bytes.set(next.bytes.subarray(0, LONGEST - here), here);
    const compiled = this.store.compile(bytes, bitness);
    if (!compiled) return undefined;
    mark(page, offset, here);
    mark(next, 0, compiled.length - here);
    return compiled;
  }
}

type BlockBody = Pick<
  Block,
  'page' | 'next' | 'bytes' | 'operations' | 'instructions' | 'lengths' | 'advances' | 'ends'
>;

/** Written out, so that all blocks have one shape that the engine knows: it is looked at millions of times a second. */
function blockAt(cpu: Cpu, low: number, high: number, body: BlockBody): Block {
  return {
    low,
    high,
    bitness: cpu.bitness,
    version: versionOf(cpu),
    epoch: cpu.memory.epoch,
    page: body.page,
    generation: body.page.generation,
    bytes: body.bytes,
    next: body.next,
    nextGeneration: body.next?.generation ?? 0,
    operations: body.operations,
    lengths: body.lengths,
    advances: body.advances,
    ends: body.ends,
    instructions: body.instructions,
    after: undefined,
    afterLow: 0,
    afterHigh: 0,
    afterChanges: -1,
  };
}

/** Where code begins in a page, and as what it was decoded. */
function placeIn(low: number, bitness: Bitness): number {
  return (low & (PAGE_BYTES - 1)) * 128 + bitness;
}

/** The last one leaves the instruction pointer where the next block begins. */
function distances(instructions: readonly Compiled[]): Pick<Block, 'lengths' | 'advances' | 'ends'> {
  const count = instructions.length;
  const [lengths, advances, ends] = [new Uint8Array(count), new Uint16Array(count), new Uint16Array(count)];
  let [pending, end] = [0, 0];
  for (const [index, { length, seesPointer }] of instructions.entries()) {
    pending += length;
    lengths[index] = length;
    ends[index] = end += length;
    if (!seesPointer && index < count - 1) continue;
    advances[index] = pending;
    pending = 0;
  }
  return { lengths, advances, ends };
}

/** Both only grow, so their sum is the same only where both are. */
export function versionOf({ memory, physical }: Cpu): number {
  return memory.epoch + physical.codeChanges.count;
}

/** Translation leads to the same page, and its bytes are the same. */
function stillHolds(cpu: Cpu, block: Block): boolean {
  const { memory } = cpu;
  const { page, next, bytes } = block;
  if (block.epoch !== memory.epoch) {
    if (next !== undefined || memory.pageToExecute(block.low, block.high) !== page) return false;
    block.epoch = memory.epoch;
  }
  if (next !== undefined && next.generation !== block.nextGeneration) return false;
  if (block.generation !== page.generation) {
    const start = block.low & (PAGE_BYTES - 1);
    if (next !== undefined || bytes.some((byte, at) => byte !== page.bytes[start + at])) return false;
    if (mark(page, start, bytes.length)) memory.forgetWrites();
    block.generation = page.generation;
  }
  block.version = versionOf(cpu);
  return true;
}

/** The first address of the next page. */
function addressBehind(low: number, high: number, bitness: Bitness): [low: number, high: number] {
  const next = ((low & -PAGE_BYTES) + PAGE_BYTES) | 0;
  return [next, next === 0 && bitness === 64 ? (high + 1) | 0 : high];
}

function isKnown({ known }: PhysicalPage, offset: number, length: number): boolean {
  return known === undefined || known.subarray(offset, offset + length).indexOf(0) < 0;
}

/** @returns whether nothing was marked in this page before. @throws ModelStop where a byte is unknown. */
function mark(page: PhysicalPage, offset: number, length: number): boolean {
  const { known } = page;
  if (known)
    for (let at = offset; at < offset + length; at++)
      if (known[at] === 0)
        throw new ModelStop({ kind: 'unknown memory', physical: page.frame * PAGE_BYTES + at, sizeBytes: 1 });
  const isFirst = page.code === undefined;
  page.code ??= new Uint8Array(PAGE_BYTES);
  page.code.fill(1, offset, offset + length);
  return isFirst;
}

function unknownOpcode(cpu: Cpu, { disassembler }: CodeStore, low: number, high: number): ModelStop {
  const page = cpu.memory.pageToExecute(low, high);
  const offset = low & (PAGE_BYTES - 1);
  const window = page.bytes.slice(offset, offset + LONGEST);
  const { bitness } = cpu;
  const { mnemonic = '', length = LONGEST } = disassembler.decodeExecutable(window, bitness) ?? {};
  const bytes = window.subarray(0, length);
  return new ModelStop({ kind: 'unknown opcode', bitness, linear: linearOf(low, high), bytes, mnemonic });
}

export function linearOf(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
