/**
 * Instructions decoded once per bytes, found again by address. Operations know no address of their own, so one decoded at a
 * load base serves all others. What was decoded from memory that is written to later is decoded anew.
 */
import { segmentWord, BASE, CS, RIP } from '../state/state-layout.ts';
import { PAGE_BYTES, type PhysicalPage } from '../memory/physical-memory.ts';
import type { Disassembler } from '../disassembler.ts';
import type { ExecutableInstruction } from '../instruction.ts';
import type { Bitness, Cpu } from './cpu.ts';
import { buildOperation } from './instruction-set.ts';
import type { Operation } from './operation.ts';
import { ModelStop } from './stop.ts';

/** SDM 2A §2.3.11 */
const LONGEST = 15;
const SLOTS = 8192;
const CODE_BASE = segmentWord(CS) + BASE;
const MAX_BLOCK = 64;
const GOLDEN = 0x9e37_79b1;

export interface Compiled {
  readonly instruction: ExecutableInstruction;
  readonly operation: Operation;
  readonly length: number;
  /** Whether control may go elsewhere than to the next instruction, or the mode may change. */
  readonly endsBlock: boolean;
}

/** A run of instructions in one page, entered at its first; one that spans two pages is a block by itself. */
export interface Block {
  readonly low: number;
  readonly high: number;
  readonly bitness: Bitness;
  /** Of the translation that is known to lead to the page. */
  epoch: number;
  readonly page: PhysicalPage;
  readonly generation: number;
  /** Of a block whose one instruction spans two pages: the second one. */
  readonly next: PhysicalPage | undefined;
  readonly nextGeneration: number;
  readonly operations: readonly Operation[];
  readonly lengths: Uint8Array;
  readonly instructions: readonly Compiled[];
}

interface StoredCode {
  /** The bytes, 15 of them or as many as there were, then zeros. */
  readonly words: readonly [number, number, number, number];
  /** Bitness and count of bytes. */
  readonly setting: number;
  readonly compiled: Compiled | undefined;
  /** Of the same hash. */
  readonly next: StoredCode | undefined;
}

/** Shared by CPUs that run the same image, at whatever base. */
export class CodeStore {
  readonly #byHash = new Map<number, StoredCode>();
  readonly #short = new DataView(new ArrayBuffer(LONGEST + 1));

  constructor(readonly disassembler: Disassembler) {}

  /** @returns undefined where the bytes begin with no instruction that has semantics. */
  compile(bytes: Uint8Array, bitness: Bitness): Compiled | undefined {
    const length = Math.min(LONGEST, bytes.length);
    const short = new Uint8Array(this.#short.buffer);
    short.fill(0);
    short.set(bytes.subarray(0, length));
    return this.#find(this.#short, 0, length, bitness);
  }

  /** The same of bytes in a page, and without making an object where they are known. */
  compileAt({ bytes, view }: PhysicalPage, offset: number, bitness: Bitness): Compiled | undefined {
    if (offset + LONGEST < PAGE_BYTES) return this.#find(view, offset, LONGEST, bitness);
    return this.compile(bytes.subarray(offset), bitness);
  }

  #find(view: DataView, offset: number, length: number, bitness: Bitness): Compiled | undefined {
    const [a, b] = [view.getInt32(offset, true), view.getInt32(offset + 4, true)];
    const [c, d] = [view.getInt32(offset + 8, true), view.getInt32(offset + 12, true) & 0xff_ffff];
    const setting = bitness * 16 + length;
    const hash = mixed(a, b, c, d, setting);
    const first = this.#byHash.get(hash);
    for (let stored = first; stored; stored = stored.next) {
      const { words } = stored;
      if (words[0] === a && words[1] === b && words[2] === c && words[3] === d && stored.setting === setting)
        return stored.compiled;
    }
    const compiled = this.#compileAnew(bytesAt(view, offset, length), bitness);
    this.#byHash.set(hash, { words: [a, b, c, d], setting, compiled, next: first });
    return compiled;
  }

  #compileAnew(bytes: Uint8Array, bitness: Bitness): Compiled | undefined {
    const instruction = this.disassembler.decodeExecutable(bytes, bitness);
    const operation = instruction && buildOperation(instruction, { bitness });
    if (!operation) return undefined;
    return { instruction, operation, length: instruction.length, endsBlock: endsBlock(instruction) };
  }
}

function bytesAt({ buffer, byteOffset }: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + offset, length).slice();
}

/** Multiplicative hashing (Knuth, volume 3, §6.4). */
function mixed(a: number, b: number, c: number, d: number, setting: number): number {
  let hash = Math.imul(a ^ setting, GOLDEN);
  hash = Math.imul(hash ^ (hash >>> 15) ^ b, GOLDEN);
  hash = Math.imul(hash ^ (hash >>> 15) ^ c, GOLDEN);
  hash = Math.imul(hash ^ (hash >>> 15) ^ d, GOLDEN);
  return hash ^ (hash >>> 15);
}

/** Those after which translation or mode may be another. */
const SYSTEM =
  /^(mov|lmsw|lgdt|lidt|lldt|ltr|invlpg|wrmsr|out|outs.|pop|popf.?|sti|clts|xsetbv|lss|lds|les|lfs|lgs|swapgs)$/;

function endsBlock({ flow, mnemonic, operands }: ExecutableInstruction): boolean {
  if (flow !== 'next' || mnemonic === 'hlt') return true;
  if (!SYSTEM.test(mnemonic)) return false;
  if (mnemonic !== 'mov' && mnemonic !== 'pop') return true;
  return operands.some(
    (operand) => operand.kind === 'register' && /^([c-gs]s|[cd]r\d+)$/.test(operand.register),
  );
}

export class CodeCache {
  readonly #slots: (Block | undefined)[] = new Array<Block | undefined>(SLOTS).fill(undefined);

  constructor(
    readonly store: CodeStore,
    /** Asked once for each block. @returns whether code may be executed at this linear address. */
    readonly mayExecute: (low: number, high: number) => boolean = () => true,
  ) {}

  /** The block at the instruction pointer. @param limit at most so many instructions. @throws GuestFault, ModelStop */
  block(cpu: Cpu, limit = MAX_BLOCK): Block {
    const { words, memory, bitness } = cpu;
    const low = bitness === 64 ? words[RIP]! : (words[RIP]! + words[CODE_BASE]!) | 0;
    const high = bitness === 64 ? words[RIP + 1]! : 0;
    const slot = (low ^ (low >>> 13)) & (SLOTS - 1);
    const found = this.#slots[slot];
    if (
      found?.low === low &&
      found.high === high &&
      found.bitness === bitness &&
      found.generation === found.page.generation &&
      (found.next === undefined || found.next.generation === found.nextGeneration) &&
      found.operations.length <= limit &&
      (found.epoch === memory.epoch || stillThere(cpu, found))
    )
      return found;
    const made = this.#make(cpu, low, high, limit);
    this.#slots[slot] = made;
    return made;
  }

  #make(cpu: Cpu, low: number, high: number, limit: number): Block {
    if (!this.mayExecute(low, high)) throw new ModelStop({ kind: 'left', linear: linearOf(low, high) });
    const { bitness, memory } = cpu;
    const page = memory.pageFor(low, high, 'execute');
    const instructions: Compiled[] = [];
    let next: PhysicalPage | undefined;
    let offset = low & (PAGE_BYTES - 1);
    do {
      let compiled = this.store.compileAt(page, offset, bitness);
      if (compiled && mark(page, offset, compiled.length)) memory.forgetWrites();
      if (!compiled && instructions.length === 0 && offset > PAGE_BYTES - LONGEST) {
        next = memory.pageFor(...addressBehind(low, high, bitness), 'execute');
        compiled = this.#compileAcross(bitness, page, offset, next);
        memory.forgetWrites();
      }
      if (!compiled) break;
      instructions.push(compiled);
      offset += compiled.length;
      if (compiled.endsBlock) break;
    } while (offset < PAGE_BYTES && instructions.length < limit);
    if (instructions.length === 0) throw unknownOpcode(cpu, low, high);
    return {
      ...{ low, high, bitness, epoch: memory.epoch, page, generation: page.generation, instructions },
      ...{ next, nextGeneration: next?.generation ?? 0 },
      operations: instructions.map(({ operation }) => operation),
      lengths: Uint8Array.from(instructions, ({ length }) => length),
    };
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

/** Translation was made anew since, and leads to the same pages; else it is made anew. */
function stillThere(cpu: Cpu, block: Block): boolean {
  const { memory } = cpu;
  if (block.next !== undefined || memory.pageFor(block.low, block.high, 'execute') !== block.page)
    return false;
  block.epoch = memory.epoch;
  return true;
}

/** The first address of the next page. */
function addressBehind(low: number, high: number, bitness: Bitness): [low: number, high: number] {
  const next = ((low & -PAGE_BYTES) + PAGE_BYTES) | 0;
  return [next, next === 0 && bitness === 64 ? (high + 1) | 0 : high];
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

function unknownOpcode(cpu: Cpu, low: number, high: number): ModelStop {
  const page = cpu.memory.pageFor(low, high, 'execute');
  const offset = low & (PAGE_BYTES - 1);
  return new ModelStop({
    ...{ kind: 'unknown opcode', bitness: cpu.bitness, linear: linearOf(low, high) },
    bytes: page.bytes.slice(offset, offset + LONGEST),
    mnemonic: '',
  });
}

export function linearOf(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
