/** What is needed to follow an address through an instruction, made once for its bytes. */
import type { ExecutableInstruction } from '../x86/instruction.ts';
import type { Usage, UsedMemory } from '../x86/usage.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Block } from '../x86/execute/code-cache.ts';
import { type Compiled, LONGEST } from '../x86/execute/code-store.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import { type LinearAddress, linearAddress } from '../x86/execute/places.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { type Flow, flowsOf } from './origin-flows.ts';
import { type StringPlan, stringPlanOf } from './string-origins.ts';
import { comparedRegisters, type ComparedRegisters } from './watched-comparison.ts';
import { storedValue, type StoredValue } from './watched-operation.ts';

export interface PlannedMemory {
  /** With the instruction pointer at the instruction. */
  readonly linear: LinearAddress;
  readonly sizeBytes: number;
  readonly writes: boolean;
}

export interface Plan {
  readonly flows: readonly Flow[];
  readonly memory: readonly PlannedMemory[];
  /** In place of flows to memory. */
  readonly string: StringPlan | undefined;
  /** Of a store that the sanitizer asks about. */
  readonly stored: StoredValue | undefined;
  /** Of a comparison that it asks about. */
  readonly compared: ComparedRegisters | undefined;
}

/** Plans know no address and no range: they serve all runs of all images. */
export class OriginPlans {
  readonly #disassembler: Disassembler;
  readonly #plans = new WeakMap<Compiled, Plan>();

  constructor(disassembler: Disassembler) {
    this.#disassembler = disassembler;
  }

  /** @param block of one instruction */
  of(block: Block): Plan {
    const compiled = block.instructions[0]!;
    const known = this.#plans.get(compiled);
    if (known) return known;
    const usage = this.#disassembler.usage(bytesOf(block), block.bitness);
    const plan = planOf(compiled.instruction, usage ?? NOTHING_USED, block.bitness);
    this.#plans.set(compiled, plan);
    return plan;
  }
}

const NOTHING_USED: Usage = {
  ...{ operands: [], registers: [], memory: [] },
  flags: { reads: false, writes: false, replaces: false },
};

function planOf(instruction: ExecutableInstruction, usage: Usage, bitness: Bitness): Plan {
  const string = stringPlanOf(instruction, bitness);
  return {
    flows: flowsOf(instruction, usage).filter(({ to }) => !string || to.kind === 'register'),
    memory: string ? [] : usage.memory.map((used) => plannedMemory(used, instruction.length, bitness)),
    string,
    stored: storedValue(instruction, bitness),
    compared: comparedRegisters(instruction, bitness),
  };
}

function plannedMemory({ operand, writes }: UsedMemory, length: number, bitness: Bitness): PlannedMemory {
  const isRelative = operand.ripRelative !== undefined;
  // It is counted from the next instruction, and the pointer is at this one.
  const displacement = operand.displacement + (isRelative ? BigInt(length) : 0n);
  const linear = linearAddress({ ...operand, displacement }, bitness, Math.max(1, operand.sizeBytes));
  return { linear, sizeBytes: operand.sizeBytes, writes };
}

/** An instruction that spans two pages is a block of its own. */
function bytesOf({ bytes, next, lengths }: Block): Uint8Array {
  const rest = lengths[0]! - bytes.length;
  if (next === undefined || rest <= 0) return bytes;
  return Uint8Array.of(...bytes, ...next.bytes.subarray(0, Math.min(rest, LONGEST, PAGE_BYTES)));
}
