/** What the CPU is told from outside, by what it asks: any image may ask, in any order. */
import { hex } from '../bits/hex.ts';
import type { Inputs } from '../x86/execute/inputs.ts';
import type { MachineProfile } from './machine-profile.ts';

/** A question to CPU or devices that no capture answers. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
  /** @param what e.g. `CPUID 0x7, subleaf 0x0` */
  constructor(readonly what: string) {
    super(`${what}: no capture that the machine profile is made of answers that; capture one that asks it`);
  }
}

const COM1 = 0x3f8;
const [COM1_DATA, COM1_LINE_STATUS] = [COM1, COM1 + 5];
/** Nothing is waiting to be sent (16550: bits 5 and 6 of the line status register). */
const TRANSMITTER_EMPTY = 0x60;
const MAX_SERIAL_BYTES = 64 * 1024;
/** Between two questions once no captured time stamp is left: some time must pass. */
const TICKS = 1000n;

/** Leaves of CPUID that look at ECX (SDM 2A, CPUID; AMD APM 3 appendix E). */
const WITH_SUBLEAVES: ReadonlySet<number> = new Set([
  ...[0x4, 0x7, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1a, 0x1d, 0x1e, 0x1f],
  ...[0x8000_001d, 0x8000_0020, 0x8000_0026],
]);

/** As the profile names it: unsigned, and 0 where the leaf does not look at it. */
export function subleafOf(leaf: number, subleaf: number): number {
  return WITH_SUBLEAVES.has(leaf >>> 0) ? subleaf >>> 0 : 0;
}

export interface MachineInputsOptions {
  /** Whose time stamps: the load base of one of the captures. Default: the first one's. */
  readonly timestampsOf?: number;
}

export class MachineInputs implements Inputs {
  readonly #answers = new Map<string, readonly (readonly number[])[]>();
  readonly #asked = new Map<string, number>();
  readonly #written = new Map<number, readonly [low: number, high: number]>();
  readonly #timestamps: readonly bigint[];
  #timesAsked = 0;
  #serial: number[] = [];

  constructor({ cpu }: MachineProfile, { timestampsOf }: MachineInputsOptions = {}) {
    for (const { leaf, subleaf, answers } of cpu.cpuid) this.#answers.set(cpuidText(leaf, subleaf), answers);
    for (const { index, answers } of cpu.modelSpecific)
      this.#answers.set(registerText(index), answers.map(halves));
    for (const { port, sizeBytes, answers } of cpu.ports)
      this.#answers.set(
        portText(port, sizeBytes),
        answers.map((value) => [value]),
      );
    const times = cpu.timestamps.find(({ loadBase }) => loadBase === timestampsOf) ?? cpu.timestamps[0];
    this.#timestamps = times?.answers ?? [];
  }

  /** To the beginning. */
  reset(): void {
    this.#asked.clear();
    this.#written.clear();
    this.#timesAsked = 0;
    this.#serial = [];
  }

  /** What went out on COM1; at most 64 KiB. */
  get serialText(): string {
    return Buffer.from(this.#serial).toString('latin1');
  }

  /** @throws UnansweredError */
  cpuid(leaf: number, subleaf: number, into: Int32Array): void {
    into.set(this.#answer(cpuidText(leaf >>> 0, subleafOf(leaf, subleaf))).map((value) => value | 0));
  }

  /** @throws UnansweredError */
  timestamp(into: Int32Array): void {
    const last = this.#timestamps.at(-1);
    if (last === undefined) throw new UnansweredError('the time stamp');
    const index = this.#timesAsked++;
    const beyond = BigInt(Math.max(0, index + 1 - this.#timestamps.length));
    into.set(halves((this.#timestamps[index] ?? last) + beyond * TICKS));
  }

  /** @throws UnansweredError */
  readModelSpecific(index: number, into: Int32Array): void {
    into.set(this.#written.get(index >>> 0) ?? this.#answer(registerText(index >>> 0)));
  }

  writeModelSpecific(index: number, low: number, high: number): void {
    this.#written.set(index >>> 0, [low, high]);
  }

  /** @throws UnansweredError */
  readPort(port: number, sizeBytes: number): number {
    const what = portText(port, sizeBytes);
    if (port === COM1_LINE_STATUS && !this.#answers.has(what)) return TRANSMITTER_EMPTY;
    return this.#answer(what)[0]!;
  }

  writePort(port: number, _sizeBytes: number, value: number): void {
    if (port === COM1_DATA && this.#serial.length < MAX_SERIAL_BYTES) this.#serial.push(value & 0xff);
  }

  /** In the order of the capture; the last one again and again. */
  #answer(what: string): readonly number[] {
    const answers = this.#answers.get(what);
    if (!answers) throw new UnansweredError(what);
    const index = this.#asked.get(what) ?? 0;
    this.#asked.set(what, index + 1);
    return answers[index] ?? answers.at(-1)!;
  }
}

function halves(value: bigint): [low: number, high: number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

const cpuidText = (leaf: number, subleaf: number): string =>
  `CPUID ${hex(leaf, 1)}, subleaf ${hex(subleaf, 1)}`;
const registerText = (index: number): string => `model-specific register ${hex(index, 1)}`;
const portText = (port: number, sizeBytes: number): string => `port ${hex(port, 1)}, ${sizeBytes} bytes`;
