/** Which instructions of an image a run executed, and what the general registers held around them. */
import type { Bitness, Cpu } from '../x86/execute/cpu.ts';
import type { CodeCache } from '../x86/execute/code-cache.ts';
import { GuestFault } from '../x86/execute/guest-fault.ts';
import { execute, handled, type RunEnd } from '../x86/execute/step.ts';
import { ModelStop } from '../x86/execute/stop.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { GENERAL, RIP } from '../x86/state/state-layout.ts';
import { registerUse, UnreadValues, type Writer } from './unread-values.ts';

/** Intel SDM 2A §2.3.11 */
const LONGEST_INSTRUCTION = 15;
/** Of one instruction so many executions are kept; whether a register changes is asked of all. */
const MAX_SAMPLES = 256;
const REGISTERS = 16;
const SAMPLE_WORDS = 2 * REGISTERS;

/** A part of the image that it copied elsewhere itself, as a trampoline below 1 MiB. Addresses are physical. */
export interface ImageCopy {
  readonly address: number;
  readonly linkTime: number;
  readonly sizeBytes: number;
}

/** Executed outside the image. */
export interface ForeignCode {
  readonly physical: number;
  /** From the instruction on, as many as an instruction may have. */
  readonly bytes: Uint8Array;
}

/** Where an image lies in memory. */
export interface ImagePlace {
  readonly linkBase: number;
  readonly loadBase: number;
  readonly sizeBytes: number;
  readonly copies: readonly ImageCopy[];
}

/** The general registers of some executions of one instruction, RAX … R15, unsigned; all 64 bits, whatever the mode. */
export class RegisterSamples {
  readonly #samples: Int32Array[] = [];
  readonly #varies = new Uint8Array(REGISTERS);

  add(words: Int32Array): void {
    const sample = words.slice(GENERAL, GENERAL + SAMPLE_WORDS);
    const first = this.#samples[0] ?? sample;
    for (let index = 0; index < REGISTERS; index++)
      if (first[2 * index] !== sample[2 * index] || first[2 * index + 1] !== sample[2 * index + 1])
        this.#varies[index] = 1;
    if (this.#samples.length < MAX_SAMPLES) this.#samples.push(sample);
  }

  get count(): number {
    return this.#samples.length;
  }

  /** Whether the register held one value only, in all executions. @param index in the order of encoding: 0 is RAX */
  isSteady(index: number): boolean {
    return this.#varies[index] === 0;
  }

  value(sample: number, index: number): bigint {
    const words = this.#samples[sample]!;
    return (BigInt(words[2 * index + 1]! >>> 0) << 32n) | BigInt(words[2 * index]! >>> 0);
  }
}

export interface ExecutedInstruction {
  /** Link-time physical address. */
  readonly linkTime: number;
  readonly bitness: Bitness;
  /** Where it was executed first. */
  readonly linear: bigint;
  /** From its first byte on, as they stood there when it was first executed: more than the instruction. */
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly before: RegisterSamples;
  readonly after: RegisterSamples;
  /** A bit for each register, and for the flags, whose value from here something may have read later, after any execution. */
  readonly readBits: number;
}

interface Seen extends Omit<ExecutedInstruction, 'linkTime' | 'count' | 'readBits'>, Writer {
  readonly physical: number;
  count: number;
}

/** Runs the model one instruction at a time; in all else {@link ExecutionRecorder.run} does what `run` of step.ts does. */
export class ExecutionRecorder {
  readonly #seen = new Map<string, Seen>();
  readonly #values = new UnreadValues();
  readonly #disassembler: Disassembler;

  constructor(disassembler: Disassembler) {
    this.#disassembler = disassembler;
  }

  readonly run = (cpu: Cpu, code: CodeCache, limit = Infinity): RunEnd => {
    for (let executed = 0; executed < limit; executed++) {
      const before = cpu.words.slice(GENERAL, GENERAL + SAMPLE_WORDS);
      const seen = this.#here(cpu, code);
      const end = execute(cpu, code);
      if (seen && end === undefined) this.#note(seen, before, cpu.words);
      else this.#values.allRead();
      const reason = end instanceof GuestFault ? handled(cpu, end) : end;
      if (reason) return { executed, reason };
    }
    this.#values.allRead();
    return { executed: limit, reason: { kind: 'limit' } };
  };

  #note(seen: Seen, before: Int32Array, after: Int32Array): void {
    seen.count++;
    seen.before.add(before);
    seen.after.add(after);
    this.#values.executed(seen);
  }

  /** Those inside the image or a copy of it, each once, in the order of their addresses. */
  instructions(place: ImagePlace): ExecutedInstruction[] {
    return [...this.#seen.values()]
      .flatMap(({ physical, use: _use, ...seen }) => {
        const linkTime = linkTimeOf(place, physical);
        return linkTime === undefined || seen.count === 0 ? [] : [{ ...seen, linkTime }];
      })
      .sort((a, b) => a.linkTime - b.linkTime);
  }

  /** Those elsewhere. */
  outside(place: ImagePlace): ForeignCode[] {
    return [...this.#seen.values()].filter(
      ({ physical, count }) => count > 0 && linkTimeOf(place, physical) === undefined,
    );
  }

  /** @returns undefined where nothing can be executed: the step will say why. */
  #here(cpu: Cpu, code: CodeCache): Seen | undefined {
    const { bitness, linearInstruction: linear } = cpu;
    const low = Number(BigInt.asIntN(32, linear));
    const high = bitness === 64 ? cpu.words[RIP + 1]! : 0;
    // Nor are page tables looked at that lead elsewhere: nobody may know them.
    if (!code.mayExecute(low, high)) return undefined;
    try {
      const page = cpu.memory.pageToExecute(low, high);
      const physical = page.frame * PAGE_BYTES + (low & (PAGE_BYTES - 1));
      const key = `${physical}/${bitness}`;
      const known = this.#seen.get(key);
      if (known) return known;
      const bytes = cpu.physical.read(physical, LONGEST_INSTRUCTION);
      const samples = { before: new RegisterSamples(), after: new RegisterSamples() };
      const use = registerUse(this.#disassembler.usage(bytes, bitness), bitness);
      const seen = { physical, bitness, linear, bytes, count: 0, ...samples, use, readBits: 0 };
      this.#seen.set(key, seen);
      return seen;
    } catch (thrown) {
      if (thrown instanceof GuestFault || thrown instanceof ModelStop) return undefined;
      throw thrown;
    }
  }
}

/** @returns undefined outside of the image and its copies. */
export function linkTimeOf(
  { linkBase, loadBase, sizeBytes, copies }: ImagePlace,
  physical: number,
): number | undefined {
  if (physical >= loadBase && physical < loadBase + sizeBytes) return physical - loadBase + linkBase;
  const copy = copies.find(
    ({ address, sizeBytes: size }) => physical >= address && physical < address + size,
  );
  return copy && physical - copy.address + copy.linkTime;
}
