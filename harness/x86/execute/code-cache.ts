/**
 * Instructions decoded once per bytes, found again by address. Operations know no address of their own, so one decoded at a
 * load base serves all others. What was decoded from memory that is written to later is decoded anew.
 */
import { segmentWord, BASE, CS, RIP } from '../state/state-layout.ts';
import { PAGE_BYTES, type PhysicalPage } from '../memory/physical-memory.ts';
import type { Disassembler } from '../disassembler.ts';
import type { ExecutableInstruction } from '../instruction.ts';
import type { Bitness, Cpu } from './cpu.ts';
import { GuestFault } from './guest-fault.ts';
import { buildOperation } from './instruction-set.ts';
import type { Operation } from './operation.ts';
import { ModelStop } from './stop.ts';

/** SDM 2A §2.3.11 */
const LONGEST = 15;
const SLOTS = 8192;
const CODE_BASE = segmentWord(CS) + BASE;
const MAX_BLOCK = 64;

export interface Compiled {
  readonly instruction: ExecutableInstruction;
  readonly operation: Operation;
  readonly length: number;
  /** Whether control may go elsewhere than to the next instruction, or the mode may change. */
  readonly endsBlock: boolean;
}

/** A run of instructions in one page, entered at its first. */
export interface Block {
  readonly low: number;
  readonly high: number;
  readonly bitness: Bitness;
  readonly epoch: number;
  readonly page: PhysicalPage;
  readonly generation: number;
  readonly operations: readonly Operation[];
  readonly lengths: Uint8Array;
  readonly instructions: readonly Compiled[];
}

/** Shared by CPUs that run the same image. */
export class CodeStore {
  readonly #byBytes = new Map<string, Compiled | undefined>();

  constructor(readonly disassembler: Disassembler) {}

  /** @returns undefined where the bytes begin with no instruction that has semantics. */
  compile(bytes: Uint8Array, bitness: Bitness): Compiled | undefined {
    const key = `${bitness}${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')}`;
    if (this.#byBytes.has(key)) return this.#byBytes.get(key);
    const compiled = this.#compileAnew(bytes, bitness);
    this.#byBytes.set(key, compiled);
    return compiled;
  }

  #compileAnew(bytes: Uint8Array, bitness: Bitness): Compiled | undefined {
    const instruction = this.disassembler.decodeExecutable(bytes, bitness);
    const operation = instruction && buildOperation(instruction, { bitness });
    if (!operation) return undefined;
    return { instruction, operation, length: instruction.length, endsBlock: endsBlock(instruction) };
  }
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
      found.epoch === memory.epoch &&
      found.generation === found.page.generation &&
      found.operations.length <= limit
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
    let offset = low & (PAGE_BYTES - 1);
    do {
      const compiled = this.#compileAt(cpu, page, low - (low & (PAGE_BYTES - 1)), high, offset);
      if (compiled === undefined) {
        if (instructions.length === 0) throw unknownOpcode(cpu, low, high);
        break;
      }
      instructions.push(compiled);
      offset += compiled.length;
      if (compiled.endsBlock) break;
    } while (offset < PAGE_BYTES && instructions.length < limit);
    memory.forgetWrites();
    return {
      ...{ low, high, bitness, epoch: memory.epoch, page, generation: page.generation, instructions },
      operations: instructions.map(({ operation }) => operation),
      lengths: Uint8Array.from(instructions, ({ length }) => length),
    };
  }

  /** Marks the bytes as code. */
  #compileAt(
    cpu: Cpu,
    page: PhysicalPage,
    pageLow: number,
    high: number,
    offset: number,
  ): Compiled | undefined {
    const here = Math.min(LONGEST, PAGE_BYTES - offset);
    const bytes = new Uint8Array(LONGEST);
    bytes.set(page.bytes.subarray(offset, offset + here));
    let compiled = here === LONGEST ? this.store.compile(bytes, cpu.bitness) : undefined;
    let next: PhysicalPage | undefined;
    if (here < LONGEST) {
      compiled = this.store.compile(bytes.subarray(0, here), cpu.bitness);
      if (!compiled) {
        next = this.#nextPage(cpu, (pageLow + PAGE_BYTES) | 0, high);
        if (next) bytes.set(next.bytes.subarray(0, LONGEST - here), here);
        compiled = this.store.compile(bytes, cpu.bitness);
      }
    }
    if (!compiled) return undefined;
    mark(page, offset, Math.min(compiled.length, here));
    if (next && compiled.length > here) mark(next, 0, compiled.length - here);
    return compiled;
  }

  #nextPage(cpu: Cpu, low: number, high: number): PhysicalPage | undefined {
    try {
      return cpu.memory.pageFor(low, low === 0 ? high + 1 : high, 'execute');
    } catch (fault) {
      if (fault instanceof GuestFault) return undefined;
      throw fault;
    }
  }
}

/** @throws ModelStop where a byte is unknown. */
function mark(page: PhysicalPage, offset: number, length: number): void {
  const { known } = page;
  if (known)
    for (let at = offset; at < offset + length; at++)
      if (known[at] === 0)
        throw new ModelStop({ kind: 'unknown memory', physical: page.frame * PAGE_BYTES + at, sizeBytes: 1 });
  page.code ??= new Uint8Array(PAGE_BYTES);
  page.code.fill(1, offset, offset + length);
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
