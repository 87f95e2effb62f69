/** Instructions decoded once per bytes. Operations know no address of their own, so one decoded at a load base serves all others. */
import type { Disassembler } from '../disassembler.ts';
import type { ExecutableInstruction, Operand } from '../instruction.ts';
import { PAGE_BYTES, type PhysicalPage } from '../memory/physical-memory.ts';
import type { Bitness } from './cpu.ts';
import { buildOperation } from './instruction-set.ts';
import type { Operation } from './operation.ts';

/** SDM 2A §2.3.11 */
export const LONGEST = 15;
const GOLDEN = 0x9e37_79b1;

export interface Compiled {
  readonly instruction: ExecutableInstruction;
  readonly operation: Operation;
  readonly length: number;
  /** Whether it looks at the instruction pointer, or moves it. */
  readonly seesPointer: boolean;
  /** Whether control always goes elsewhere, or the mode may change. */
  readonly endsBlock: boolean;
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

/** What is done in place of an instruction's own operation: the same, and a look at it. */
export type Decorate = (
  instruction: ExecutableInstruction,
  operation: Operation,
  bitness: Bitness,
) => Operation;

/** Shared by CPUs that run the same image, at whatever base. */
export class CodeStore {
  readonly #byHash = new Map<number, StoredCode>();
  readonly #short = new DataView(new ArrayBuffer(LONGEST + 1));

  constructor(
    readonly disassembler: Disassembler,
    readonly decorate: Decorate = (_instruction, operation) => operation,
  ) {}

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
    const built = instruction && buildOperation(instruction, { bitness });
    if (!built) return undefined;
    const operation = this.decorate(instruction, built, bitness);
    const isLast = endsBlock(instruction);
    const seesPointer = isLast || instruction.flow !== 'next' || instruction.operands.some(isRelative);
    return { instruction, operation, length: instruction.length, seesPointer, endsBlock: isLast };
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
  // A conditional jump that is not taken goes on within the block.
  if ((flow !== 'next' && flow !== 'conditional') || mnemonic === 'hlt') return true;
  if (!SYSTEM.test(mnemonic)) return false;
  if (mnemonic !== 'mov' && mnemonic !== 'pop') return true;
  return operands.some(
    (operand) => operand.kind === 'register' && /^([c-gs]s|[cd]r\d+)$/.test(operand.register),
  );
}

function isRelative(operand: Operand): boolean {
  return operand.kind === 'memory' && operand.ripRelative !== undefined;
}
