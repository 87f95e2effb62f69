/**
 * The stepping way: one instruction at a time over the stub, on any accelerator, with the same segments as the log way
 * (log-segments.ts). The stub's registers have no hidden parts: after an instruction that can change them the monitor
 * is asked.
 */
import { humanMonitor } from '../boot/guest.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import type { X86Registers } from '../rsp/registers.ts';
import type { StopReply } from '../rsp/stop-reply.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Instruction } from '../x86/instruction.ts';
import { GENERAL_NAMES, readField, writeField } from '../x86/state/state-layout.ts';
import { Breakpoints, canGoOn } from './breakpoints.ts';
import type { CallSite } from './call-sites.ts';
import { isInside } from './inside.ts';
import type { RecordingOptions, Return, Segment } from './log-segments.ts';
import { isRepeatedString } from './repeated-string.ts';
import { StateBuffer } from './state-buffer.ts';
import { stateFromDump } from './state-from-dump.ts';
import { bitnessOf, changesHidden, codeLinear, destinationOf, stackLinear } from './step-rules.ts';

const LONGEST_INSTRUCTION = 15;
/** States that are given away at once. */
const BATCH_STATES = 1 << 14;
/** QEMU may stop before an instruction is run; one that changes nothing at all goes to itself. */
const MAX_TRIES = 16;

export interface SteppingOptions extends Omit<RecordingOptions, 'sites'> {
  readonly disassembler: Disassembler;
}

/** @throws DeadlineError, and what the monitor and the stub throw. */
export async function* stepSegments(options: SteppingOptions): AsyncGenerator<Segment | Return, void> {
  const { machine, deadline } = options;
  await using rsp = await RspClient.connect(await machine.connectGdb(deadline), { deadline });
  yield* new Stepper(options, rsp).record();
}

class Stepper {
  readonly #options: SteppingOptions;
  readonly #rsp: RspClient;
  readonly #breakpoints: Breakpoints;
  readonly #states = new StateBuffer([]);
  /** By linear address and mode: code that ran once is not changed afterwards by any early boot known. */
  readonly #decoded = new Map<string, Instruction>();
  #words: Int32Array = new Int32Array();
  #state: 'runs' | 'died' = 'runs';

  constructor(options: SteppingOptions, rsp: RspClient) {
    this.#options = options;
    this.#rsp = rsp;
    this.#breakpoints = new Breakpoints(rsp);
  }

  async *record(): AsyncGenerator<Segment | Return, void> {
    const { until, inside } = this.#options;
    this.#words = await this.#dump();
    this.#states.restart(this.#words);
    for (;;) {
      const at = codeLinear(this.#words);
      if (at === until) return void (yield this.#segment('end'));
      if (this.#state === 'died' || !isInside(inside, at)) return void (yield this.#segment('died'));
      if (this.#states.count >= BATCH_STATES) yield this.#segment('goes on');
      const instruction = await this.#instruction(at);
      if (isRepeatedString(instruction, bitnessOf(this.#words))) await this.#repeat(instruction, at);
      else if (await this.#leaves(instruction)) yield* this.#leave(instruction, at);
      else await this.#plain(instruction);
    }
  }

  async #plain(instruction: Instruction): Promise<void> {
    const state = await this.#step(instruction);
    if (!state) return;
    this.#words = state;
    this.#states.add(state);
  }

  async #instruction(at: bigint): Promise<Instruction> {
    const bitness = bitnessOf(this.#words);
    const key = `${at.toString(16)} ${bitness}`;
    const known = this.#decoded.get(key);
    if (known) return known;
    const bytes = await this.#rsp.readMemory(at, LONGEST_INSTRUCTION);
    const address = readField(this.#words, 'rip');
    const [instruction] = this.#options.disassembler.decode(bytes, { bitness, address, limit: 1 });
    this.#decoded.set(key, instruction!);
    return instruction!;
  }

  /** Whether it will be outside after the instruction. */
  async #leaves(instruction: Instruction): Promise<boolean> {
    const to = destinationOf(instruction, this.#words);
    if (to.kind === 'outside') return true;
    if (to.kind === 'linear') return !isInside(this.#options.inside, to.linear);
    if (to.kind !== 'in memory') return false;
    const offset = await this.#word(to.at);
    return !isInside(this.#options.inside, this.#inCode(offset));
  }

  async *#leave(instruction: Instruction, at: bigint): AsyncGenerator<Segment | Return, void> {
    const { inside, deadline } = this.#options;
    yield this.#segment('excursion');
    let state = await this.#step(instruction);
    if (!state) return;
    const left = !isInside(inside, codeLinear(state));
    const after = at + BigInt(instruction.length);
    const back = instruction.flow === 'interrupt' ? after : await this.#returnAddress(state);
    const site: CallSite = { linear: at, text: instruction.text, returns: [back] };
    if (left) {
      if (!this.#survives(await this.#breakpoints.runTo([back], deadline))) return;
      await this.#breakpoints.remove([back]);
      state = await this.#dump();
    }
    this.#words = state;
    this.#states.restart(state);
    yield { kind: 'return', site, left, state };
  }

  /** A function outside returns to what stands on top of the stack, however it was entered. */
  async #returnAddress(state: Int32Array): Promise<bigint> {
    this.#words = state;
    return this.#inCode(await this.#word(stackLinear(state)));
  }

  async #repeat(instruction: Instruction, at: bigint): Promise<void> {
    const next = at + BigInt(instruction.length);
    const before = readField(this.#words, 'rcx');
    if (!this.#survives(await this.#breakpoints.runTo([next], this.#options.deadline))) return;
    await this.#breakpoints.remove([next]);
    this.#words = await this.#dump();
    this.#states.addRepeated(this.#words, Number(BigInt.asUintN(32, before - readField(this.#words, 'rcx'))));
  }

  #survives(stop: StopReply): boolean {
    if (!canGoOn(stop)) this.#state = 'died';
    return this.#state === 'runs';
  }

  /** @returns undefined where the machine died of it. */
  async #step(instruction: Instruction): Promise<Int32Array | undefined> {
    const before = this.#words;
    for (let tries = 0; ; tries++) {
      if (!this.#survives(await this.#rsp.step(this.#options.deadline))) return undefined;
      const state = await this.#stateAfter(instruction, before);
      if (tries === MAX_TRIES || state.some((word, index) => word !== before[index])) return state;
    }
  }

  async #stateAfter(instruction: Instruction, before: Int32Array): Promise<Int32Array> {
    if (changesHidden(instruction)) return this.#dump();
    const registers = await this.#rsp.readRegisters();
    if (hasSystemChange(registers, before)) return this.#dump();
    const words = before.slice();
    for (const name of GENERAL_NAMES) writeField(words, name, registers[name]);
    writeField(words, 'rip', registers.rip);
    writeField(words, 'rflags', registers.eflags);
    return words;
  }

  /** An address as the current mode keeps it in memory. */
  async #word(at: bigint): Promise<bigint> {
    const bytes = Buffer.from(await this.#rsp.readMemory(at, bitnessOf(this.#words) / 8));
    return bytes.length === 8 ? bytes.readBigUInt64LE() : BigInt(bytes.readUIntLE(0, bytes.length));
  }

  #inCode(offset: bigint): bigint {
    return BigInt.asUintN(64, readField(this.#words, 'cs.base') + offset);
  }

  #segment(endedAt: Segment['endedAt']): Segment {
    return { kind: 'segment', ...this.#states.take(), endedAt };
  }

  async #dump(): Promise<Int32Array> {
    return stateFromDump(await humanMonitor(this.#options.machine.qmp, 'info registers'));
  }
}

const SHOWN = ['cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const;
const SELECTORS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const;

/** As far as the stub's registers tell it: a fault that was delivered, say. */
function hasSystemChange(registers: X86Registers, before: Int32Array): boolean {
  return (
    SHOWN.some((name) => registers[name] !== readField(before, name)) ||
    SELECTORS.some((name) => registers[name] !== readField(before, `${name}.selector`))
  );
}
