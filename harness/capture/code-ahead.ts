/** Instructions by where they stand, decoded once, and which of them can be stepped without a look at what they do. */
import { RspErrorReply } from '../rsp/errors.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Instruction } from '../x86/instruction.ts';
import { readField } from '../x86/state/state-layout.ts';
import { isRepeatedString } from './repeated-string.ts';
import { bitnessOf, changesHidden } from './step-rules.ts';

const LONGEST_INSTRUCTION = 15;
/** A basic block or two. */
const AHEAD_BYTES = 64;

/** `plain`: goes on at one of {@link Known.successors}, and changes nothing that the stub's registers do not show. */
export interface Known {
  readonly instruction: Instruction;
  readonly kind: 'plain' | 'repeat' | 'other';
  /** Offsets in the code segment. */
  readonly successors: readonly bigint[];
}

type Bitness = 16 | 32 | 64;

/** Code that ran once, or was about to, is not changed afterwards by any early boot known. */
export class CodeAhead {
  readonly #rsp: RspClient;
  readonly #disassembler: Disassembler;
  readonly #known: Readonly<Record<Bitness, Map<bigint, Known>>> = {
    16: new Map(),
    32: new Map(),
    64: new Map(),
  };

  constructor(rsp: RspClient, disassembler: Disassembler) {
    this.#rsp = rsp;
    this.#disassembler = disassembler;
  }

  /** What stands there, where that is known without asking. @param linear with the code segment's base */
  peek(linear: bigint, bitness: Bitness): Known | undefined {
    return this.#known[bitness].get(linear);
  }

  /** The machine is stopped before it. @param words its state */
  async at(linear: bigint, words: Int32Array): Promise<Known> {
    const bitness = bitnessOf(words);
    const known = this.#known[bitness];
    const before = known.get(linear);
    if (before) return before;
    const address = readField(words, 'rip');
    const decoded = this.#disassembler.decode(await this.#read(linear), { bitness, address });
    const [first] = decoded;
    for (const instruction of decoded) {
      const at = linear + (instruction.address - address);
      // What the end of the bytes cut is read again when it is reached.
      if (instruction !== first && instruction.text === '(cut short)') break;
      if (!known.has(at)) known.set(at, classified(instruction, bitness));
      if (instruction.flow === 'jump' || instruction.flow === 'return') break;
    }
    return known.get(linear)!;
  }

  async #read(linear: bigint): Promise<Uint8Array> {
    try {
      return await this.#rsp.readMemory(linear, AHEAD_BYTES);
    } catch (error) {
      if (!(error instanceof RspErrorReply)) throw error;
      return this.#rsp.readMemory(linear, LONGEST_INSTRUCTION);
    }
  }
}

function classified(instruction: Instruction, bitness: Bitness): Known {
  const successors = successorsOf(instruction, bitness);
  if (isRepeatedString(instruction, bitness)) return { instruction, kind: 'repeat', successors };
  const isPlain = successors.length > 0 && !changesHidden(instruction);
  return { instruction, kind: isPlain ? 'plain' : 'other', successors };
}

function successorsOf({ flow, operands, address, length }: Instruction, bitness: Bitness): bigint[] {
  const next = BigInt.asUintN(bitness, address + BigInt(length));
  const [to] = operands;
  const target = to?.kind === 'branch' ? [BigInt.asUintN(bitness, to.target)] : [];
  switch (flow) {
    case 'next':
      return [next];
    case 'conditional':
      return [next, ...target];
    case 'jump':
    case 'call':
      return target;
    case 'return':
    case 'interrupt':
    case 'other':
      return [];
  }
}
