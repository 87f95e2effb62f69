/** Runs vectors in the model and says what came out other than they say. */
import { hex } from '../bits/hex.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { CodeCache } from '../x86/execute/code-cache.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { GuestFault, VECTOR } from '../x86/execute/guest-fault.ts';
import { execute } from '../x86/execute/step.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import { undefinedFlags } from '../x86/execute/undefined-flags.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { FLAG } from '../x86/state/flags.ts';
import { RFLAGS, RIP, STATE_FIELDS, STATE_WORDS, type StateField } from '../x86/state/state-layout.ts';
import { setBytes, differingBytes } from './vector-memory.ts';
import { initialWords } from './vector-state.ts';
import { setVectorRegister, vectorRegister } from './vector-registers.ts';
import type { Vector } from './vector.ts';

/** What one instruction may touch, in pages: more is a repeated string instruction that runs away. */
const MAX_PAGES = 2048;
/** Decoded instructions that are kept. */
const MAX_COMPILED = 4096;
/** Bits that exist (SDM 1 §3.4.3), without RF, which differs between processors. */
const FLAGS_COMPARED = 0x3f_7fd5 & ~FLAG.rf;
const NOTHING_DECODED = 0;

export class VectorRunner {
  readonly #disassembler: Disassembler;
  readonly #memory = new PhysicalMemory('zero', MAX_PAGES);
  readonly #expected = new PhysicalMemory('zero');
  readonly #cpu = new Cpu(this.#memory);
  #code: CodeCache;
  #compiled = 0;

  constructor(disassembler: Disassembler) {
    this.#disassembler = disassembler;
    this.#code = new CodeCache(new CodeStore(disassembler));
  }

  /** @returns what differed, in words; empty: the vector passes. */
  run(vector: Vector): string[] {
    const before = this.#prepare(vector);
    const instruction = this.#disassembler.decodeExecutable(vector.bytes, vector.bitness);
    const end = execute(this.#cpu, this.#code);
    const wrongEnd = endDifference(end, vector, instruction === undefined);
    if (wrongEnd !== undefined) return [wrongEnd];
    const ignored =
      vector.undefinedFlags | (instruction ? undefinedFlags(instruction, before) : NOTHING_DECODED);
    const wanted = expectedWords(vector, before, instruction?.length ?? 0, this.#cpu);
    return [
      ...stateDifferences(this.#cpu.state(), wanted, FLAGS_COMPARED & ~ignored),
      ...this.#memoryDifferences(vector),
    ];
  }

  /** @returns the state before the instruction */
  #prepare({ bitness, bytes, initial }: Vector): Int32Array {
    if (++this.#compiled % MAX_COMPILED === 0) this.#code = new CodeCache(new CodeStore(this.#disassembler));
    const { words, entry } = initialWords(bitness, initial);
    for (const memory of [this.#memory, this.#expected]) {
      memory.clear();
      setBytes(memory, initial.memory);
      setBytes(
        memory,
        [...bytes].map((byte, i) => [BigInt.asUintN(bitness === 64 ? 64 : 32, entry + BigInt(i)), byte]),
      );
    }
    this.#cpu.load(words);
    return words;
  }

  #memoryDifferences({ final }: Vector): string[] {
    setBytes(this.#expected, final.memory);
    return differingBytes(this.#memory, this.#expected);
  }
}

type End = ReturnType<typeof execute>;

/** @returns undefined where it ended as it should */
function endDifference(end: End, { final, bytes }: Vector, isNoInstruction: boolean): string | undefined {
  const { exception } = final;
  const fault = faultOf(end, isNoInstruction);
  if (fault === undefined && end !== undefined) return stopText(end as StopReason, bytes);
  const got = fault === undefined ? 'no exception' : exceptionText(fault);
  const wanted = exception === undefined ? 'no exception' : exceptionText(exception);
  if (fault?.vector !== exception?.vector) return `${got}, expected ${wanted}`;
  const isSameCode = exception?.errorCode === undefined || exception.errorCode === fault?.errorCode;
  return isSameCode ? undefined : `${got}, expected ${wanted}`;
}

interface Exception {
  readonly vector: number;
  readonly errorCode?: number | undefined;
}

/** Bytes that are no instruction raise #UD; those whose semantics the model lacks do not. */
function faultOf(end: End, isNoInstruction: boolean): Exception | undefined {
  if (end instanceof GuestFault) return end;
  return end?.kind === 'unknown opcode' && isNoInstruction ? { vector: VECTOR.invalidOpcode } : undefined;
}

function exceptionText({ vector, errorCode }: Exception): string {
  return `exception ${vector}${errorCode === undefined ? '' : ` with error code ${hex(errorCode, 1)}`}`;
}

function stopText(reason: StopReason, bytes: Uint8Array): string {
  if (reason.kind === 'unknown opcode')
    return `the model has no semantics for ${Buffer.from(bytes).toString('hex')}`;
  return reason.kind === 'unsupported' ? `unsupported: ${reason.what}` : `the model stopped: ${reason.kind}`;
}

/**
 * The state before with what the vector says has changed. A vector that does not name the instruction pointer means the
 * next instruction's, or the same one.
 */
function expectedWords(vector: Vector, before: Int32Array, length: number, cpu: Cpu): Int32Array {
  const { registers, exception } = vector.final;
  const wanted = before.slice();
  for (const [name, value] of registers) setVectorRegister(wanted, vectorRegister(name)!, value);
  const namesPointer = ['rip', 'eip', 'ip'].some((name) => registers.has(name));
  const next = (before[RIP]! + length) | 0;
  if (!namesPointer && exception === undefined && cpu.words[RIP] === next) {
    wanted[RIP] = next;
    wanted[RIP + 1] = cpu.words[RIP + 1]!;
  }
  return wanted;
}

function stateDifferences(words: Int32Array, wanted: Int32Array, flagMask: number): string[] {
  wanted[RFLAGS] = (wanted[RFLAGS]! & flagMask) | (words[RFLAGS]! & ~flagMask);
  let at = 0;
  while (at < STATE_WORDS && words[at] === wanted[at]) at++;
  if (at === STATE_WORDS) return [];
  return STATE_FIELDS.filter(({ word, isWide }) =>
    [word, ...(isWide ? [word + 1] : [])].some((i) => words[i] !== wanted[i]),
  ).map((field) => `${field.name} is ${shown(words, field)}, expected ${shown(wanted, field)}`);
}

function shown(words: Int32Array, { word, isWide }: StateField): string {
  const high = isWide ? BigInt(words[word + 1]! >>> 0) << 32n : 0n;
  return hex(high | BigInt(words[word]! >>> 0), 1);
}
