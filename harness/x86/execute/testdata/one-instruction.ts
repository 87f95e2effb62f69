/** One instruction on a flat machine, as a test looks at it: registers in by name, registers out by name. */
import type { Disassembler } from '../../disassembler.ts';
import { PhysicalMemory } from '../../memory/physical-memory.ts';
import { readField, writeField } from '../../state/state-layout.ts';
import { CodeCache } from '../code-cache.ts';
import { CodeStore } from '../code-store.ts';
import { Cpu } from '../cpu.ts';
import type { Inputs } from '../inputs.ts';
import { execute } from '../step.ts';
import { flatState } from './flat-state.ts';

export interface OneInstruction {
  readonly bitness: 16 | 32 | 64;
  /** Hexadecimal; spaces are ignored. */
  readonly code: string;
  /** Fields of the state by name: `rax`, `rflags`, `es.limit`, … */
  readonly state?: Readonly<Record<string, bigint>>;
  /** Hexadecimal by physical address. */
  readonly memory?: Readonly<Record<number, string>>;
  readonly inputs?: Inputs;
  /** Code and `memory` are known, nothing else. */
  readonly isUnknownElsewhere?: boolean;
}

export const CODE_ADDRESS = 0x1000;

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** @returns runs one and gives the machine afterwards; `end` is what {@link execute} gave. */
export function oneInstruction(disassembler: Disassembler) {
  const store = new CodeStore(disassembler);
  return ({ bitness, code, state = {}, memory = {}, inputs, isUnknownElsewhere }: OneInstruction) => {
    const physical = new PhysicalMemory(isUnknownElsewhere ? 'unknown' : 'zero');
    physical.load(CODE_ADDRESS, Buffer.concat([bytes(code), bytes('90'.repeat(16))]));
    for (const [address, hex] of Object.entries(memory)) physical.load(Number(address), bytes(hex));
    const cpu = new Cpu(physical, inputs);
    const words = flatState(bitness);
    for (const [name, value] of Object.entries({ rip: BigInt(CODE_ADDRESS), ...state }))
      writeField(words, name, value);
    cpu.load(words);
    const end = execute(cpu, new CodeCache(store));
    const after = cpu.state();
    return {
      cpu,
      end,
      field: (name: string): bigint => readField(after, name),
      flags: Number(readField(after, 'rflags')),
      bytesAt: (address: number, count: number): string =>
        Buffer.from(physical.read(address, count)).toString('hex'),
    };
  };
}
