/** A few instructions of an image that is loaded elsewhere than it was linked, followed to HLT. */
import type { Disassembler } from '../../x86/disassembler.ts';
import { CodeCache } from '../../x86/execute/code-cache.ts';
import { CodeStore } from '../../x86/execute/code-store.ts';
import { Cpu } from '../../x86/execute/cpu.ts';
import { step } from '../../x86/execute/step.ts';
import type { StopReason } from '../../x86/execute/stop.ts';
import { flatState } from '../../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../../x86/memory/physical-memory.ts';
import { writeField } from '../../x86/state/state-layout.ts';
import { Origins } from '../origins.ts';
import type { Territory } from '../territory.ts';

export const LINK_BASE = 0x20_0000;
export const LOAD_BASE = 0x80_0000;
const SIZE_BYTES = 0x3000;
/** Not the image's: what a loader wrote. */
export const INFORMATION = 0xa100;

export interface SmallImage {
  readonly bitness?: 16 | 32 | 64;
  /** Hexadecimal, at the image's first byte or `offset`; HLT follows. */
  readonly code: string;
  readonly offset?: number;
  /** Where it runs. */
  readonly at?: number;
  readonly linkBase?: number;
  readonly state?: Readonly<Record<string, bigint>>;
  /** Numbers of 32 bits by physical address, beside the usual. */
  readonly memory?: Readonly<Record<number, number>>;
}

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const number32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** Offset 0x1000 of the image points to its 0x1040, boot information says 0x201234. Paging with large pages: 64-bit mode only. */
export function machineOf(image: SmallImage): { cpu: Cpu; territory: Territory; initial: Int32Array } {
  const {
    bitness = 32,
    code,
    offset = 0,
    at = LOAD_BASE,
    linkBase = LINK_BASE,
    state = {},
    memory = {},
  } = image;
  const physical = new PhysicalMemory('zero');
  for (const base of [LOAD_BASE, linkBase]) {
    physical.load(base + 0x1000, number32(linkBase + 0x1040));
    physical.load(base + offset, Buffer.concat([bytesOf(code), bytesOf('f4')]));
  }
  const words: [string, number][] = Object.entries({ [INFORMATION]: 0x20_1234, ...memory });
  for (const [address, value] of words) physical.load(Number(address), number32(value));
  const initial = flatState(bitness);
  if (bitness === 64) mapIdentically(physical, initial);
  const fields = { rip: BigInt(at + offset), rsp: 0x9000n, rsi: BigInt(LOAD_BASE - linkBase), ...state };
  for (const [name, value] of Object.entries(fields)) writeField(initial, name, value);
  const cpu = new Cpu(physical);
  cpu.load(initial);
  const range = (start: number) => ({ start, end: start + SIZE_BYTES });
  const territory = { linkTime: range(linkBase), loaded: range(LOAD_BASE), owned: () => undefined };
  return { cpu, territory, initial };
}

/** The first 16 MiB, in pages of 2 MiB. */
function mapIdentically(physical: PhysicalMemory, state: Int32Array): void {
  physical.load(0x1_0000, number32(0x1_1003));
  physical.load(0x1_1000, number32(0x1_2003));
  for (let index = 0; index < 8; index++)
    physical.load(0x1_2000 + 8 * index, number32((index * 0x20_0000) | 0x83));
  const system = { cr0: 0x8000_0011n, cr3: 0x1_0000n, cr4: 0x20n };
  for (const [name, value] of Object.entries(system)) writeField(state, name, value);
}

export interface Followed {
  /** `0x201000 address`, in the order of the stores. */
  readonly stores: readonly string[];
  readonly origins: Origins;
  readonly end: StopReason | undefined;
  readonly cpu: Cpu;
  readonly territory: Territory;
}

/** @param beforeStep asked with the count of instructions that were executed */
export function follow(
  disassembler: Disassembler,
  image: SmallImage,
  beforeStep: (executed: number, origins: Origins, cpu: Cpu) => void = () => undefined,
): Followed {
  const { cpu, territory } = machineOf(image);
  const origins = new Origins(cpu, new CodeCache(new CodeStore(disassembler)), territory);
  let end: StopReason | undefined;
  for (let executed = 0; !end && executed < 100; executed++) {
    beforeStep(executed, origins, cpu);
    end = origins.step();
  }
  const stores = origins.stores.all.map(({ value, origin }) => `0x${value.toString(16)} ${origin}`);
  return { stores, origins, end, cpu, territory };
}

/** The same with nobody following. */
export function alone(disassembler: Disassembler, image: SmallImage): Cpu {
  const { cpu } = machineOf(image);
  const code = new CodeCache(new CodeStore(disassembler));
  for (let executed = 0; executed < 100 && !step(cpu, code);) executed++;
  return cpu;
}
