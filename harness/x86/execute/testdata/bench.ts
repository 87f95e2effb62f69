/** A CPU with memory and code, as tests of the model need it. */
import { readField, writeField } from '../../state/state-layout.ts';
import { loadDisassembler } from '../../disassembler.ts';
import { PhysicalMemory } from '../../memory/physical-memory.ts';
import { CodeCache } from '../code-cache.ts';
import { CodeStore } from '../code-store.ts';
import { Cpu } from '../cpu.ts';
import type { Habits } from '../habits.ts';
import type { Inputs } from '../inputs.ts';
import { step } from '../step.ts';
import type { StopReason } from '../stop.ts';
import { flatState } from './flat-state.ts';

export const store = new CodeStore(await loadDisassembler());

export interface BenchOptions {
  readonly bitness?: 16 | 32 | 64;
  readonly fields?: Readonly<Record<string, bigint>>;
  readonly inputs?: Inputs;
  readonly habits?: Habits;
}

export const CODE_AT = 0x1000;
export const GDT_AT = 0x2000;

/** Memory is zero; code at {@link CODE_AT}, where RIP points; a GDT at {@link GDT_AT} of which `describe` fills entries. */
export class Bench {
  readonly memory = new PhysicalMemory('zero');
  readonly cpu: Cpu;
  readonly code = new CodeCache(store);

  constructor(hex: string, { bitness = 32, fields = {}, inputs, habits }: BenchOptions = {}) {
    this.cpu = new Cpu(this.memory, inputs, habits);
    this.put(CODE_AT, hex);
    const state = flatState(bitness);
    const all = {
      rip: BigInt(CODE_AT),
      rsp: 0x8000n,
      'gdtr.base': BigInt(GDT_AT),
      'gdtr.limit': 0xffn,
      ...fields,
    };
    for (const [name, value] of Object.entries(all)) writeField(state, name, value);
    this.cpu.load(state);
    for (const [selector, value] of Object.entries(FLAT_GDT)) this.describe(Number(selector), value);
  }

  put(address: number, hex: string): void {
    this.memory.load(address, Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
  }

  put64(address: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.memory.load(address, bytes);
  }

  read64(address: number): bigint {
    return new DataView(this.memory.read(address, 8).buffer).getBigUint64(0, true);
  }

  read32(address: number): number {
    return new DataView(this.memory.read(address, 4).buffer).getUint32(0, true);
  }

  /** An entry of the GDT. */
  describe(selector: number, value: bigint): void {
    this.put64(GDT_AT + (selector & ~7), value);
  }

  field(name: string): bigint {
    return readField(this.cpu.state(), name);
  }

  set(name: string, value: bigint): void {
    const state = this.cpu.state();
    writeField(state, name, value);
    this.cpu.load(state);
  }

  /** Executes at most so many instructions. @returns why it stopped earlier */
  steps(count: number): StopReason | undefined {
    for (let done = 0; done < count; done++) {
      const reason = step(this.cpu, this.code);
      if (reason) return reason;
    }
    return undefined;
  }
}

const FLAT_GDT = {
  0x08: 0x00cf_9b00_0000_ffffn,
  0x10: 0x00cf_9300_0000_ffffn,
  0x18: 0x00af_9b00_0000_ffffn,
  0x20: 0x0000_9b00_0000_ffffn,
  0x28: 0x0000_9300_0000_ffffn,
  // Ring 3.
  0x30: 0x00cf_fb00_0000_ffffn,
  0x38: 0x00cf_f300_0000_ffffn,
  0x40: 0x00af_fb00_0000_ffffn,
};
