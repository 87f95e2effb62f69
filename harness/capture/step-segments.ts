/**
 * The stepping way: one instruction at a time over the stub, on any accelerator, with the same segments as the log way
 * (log-segments.ts). The stub's registers have no hidden parts: after an instruction that can change them the monitor
 * is asked.
 *
 * QEMU takes longer for a step than all else together, so the next one is asked for in the same write as the registers
 * (*ahead*), where it is known beforehand that the next instruction is one that needs no look before or after it.
 */
import { hex } from '../bits/hex.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import type { StopReply } from '../rsp/stop-reply.ts';
import type { Instruction } from '../x86/instruction.ts';
import { readField } from '../x86/state/state-layout.ts';
import { Breakpoints, canGoOn } from './breakpoints.ts';
import type { CallSite } from './call-sites.ts';
import { CodeAhead, type Known } from './code-ahead.ts';
import { isInside } from './inside.ts';
import { inCode, leaving, wordAt } from './leaving.ts';
import type { RecordingOptions } from './log-segments.ts';
import type { Return, Segment } from './segment.ts';
import { StateBuffer } from './state-buffer.ts';
import { stateFromDump } from './state-from-dump.ts';
import { bitnessOf, changesHidden, codeLinear, stackLinear } from './step-rules.ts';
import { partsTellingWhereItIs } from './stuck.ts';
import { hasHiddenChange, withRegisters } from './stub-state.ts';

/** States that are given away at once. */
const BATCH_STATES = 1 << 14;
/** GDB's SIGQUIT: QEMU's word for a machine that is shut down (stop-reply.ts). */
const SHUT_DOWN = 3;
/** QEMU may stop before an instruction is run; one that changes nothing at all goes to itself. */
const MAX_TRIES = 16;

export type SteppingOptions = Omit<RecordingOptions, 'sites'>;

/** @throws NoReturnError, StuckError, and what the monitor and the stub throw. */
export async function* stepSegments(options: SteppingOptions): AsyncGenerator<Segment | Return, void> {
  const { machine, deadline } = options;
  await using rsp = await RspClient.connect(await machine.connectGdb(deadline), { deadline });
  yield* partsTellingWhereItIs(rsp, new Stepper(options, rsp).record());
}

class Stepper {
  readonly #options: SteppingOptions;
  readonly #rsp: RspClient;
  readonly #breakpoints: Breakpoints;
  readonly #code: CodeAhead;
  readonly #states = new StateBuffer([]);
  #words: Int32Array = new Int32Array();
  #state: 'runs' | 'died' = 'runs';
  /** Why it ended. */
  #said: string | undefined;
  /** `ahead`: the instruction at {@link #words} is under way, or done. */
  #machine: 'there' | 'ahead' = 'there';

  constructor(options: SteppingOptions, rsp: RspClient) {
    this.#options = options;
    this.#rsp = rsp;
    this.#breakpoints = new Breakpoints(rsp);
    this.#code = new CodeAhead(rsp, options.disassembler);
  }

  async *record(): AsyncGenerator<Segment | Return, void> {
    const { until, inside } = this.#options;
    this.#words = await this.#dump();
    this.#states.restart(this.#words);
    for (;;) {
      const at = codeLinear(this.#words);
      if (at === until) return void (yield await this.#segment('end'));
      if (this.#state === 'died') return void (yield await this.#segment('died'));
      if (!isInside(inside, at)) {
        this.#said = `control is outside, at ${hex(at)}, and it is not known where it comes back`;
        return void (yield await this.#segment('died'));
      }
      if (this.#states.count >= BATCH_STATES) yield await this.#segment('goes on');
      const known = this.#code.peek(at, bitnessOf(this.#words)) ?? (await this.#lookAt(at));
      if (known.kind === 'repeat') await this.#repeat(known.instruction, at);
      else if (known.kind === 'other' && (await this.#leaves(known.instruction)))
        yield* this.#leave(known.instruction, at);
      else await this.#plain(known);
    }
  }

  async #plain(known: Known): Promise<void> {
    const state = await this.#step(known);
    if (!state) return;
    this.#words = state;
    this.#states.add(state);
  }

  async #lookAt(linear: bigint): Promise<Known> {
    await this.#arrive();
    return this.#code.at(linear, this.#words);
  }

  /** Whether it will be outside after the instruction. */
  async #leaves(instruction: Instruction): Promise<boolean> {
    await this.#arrive();
    return (await leaving(this.#rsp, this.#options.inside, instruction, this.#words)) === 'leaves';
  }

  async *#leave(instruction: Instruction, at: bigint): AsyncGenerator<Segment | Return, void> {
    const { inside } = this.#options;
    yield await this.#segment('excursion');
    let state = await this.#step({ instruction, kind: 'other', successors: [] });
    if (!state) return;
    const left = !isInside(inside, codeLinear(state));
    const after = at + BigInt(instruction.length);
    const back = instruction.flow === 'interrupt' ? after : await this.#returnAddress(state);
    const site: CallSite = { linear: at, text: instruction.text, returns: [back] };
    if (left) {
      const stop = await this.#breakpoints.runBack(site, this.#options.deadline);
      if (!this.#survives(stop)) return;
      this.#breakpoints.remove([back]);
      state = await this.#dump();
    }
    this.#words = state;
    this.#states.restart(state);
    yield { kind: 'return', site, left, state };
  }

  /** A function outside returns to what stands on top of the stack, however it was entered. */
  async #returnAddress(state: Int32Array): Promise<bigint> {
    return inCode(state, await wordAt(this.#rsp, stackLinear(state), state));
  }

  async #repeat(instruction: Instruction, at: bigint): Promise<void> {
    const next = at + BigInt(instruction.length);
    const before = readField(this.#words, 'rcx');
    await this.#arrive();
    this.#machine = 'there';
    if (!this.#survives(await this.#breakpoints.runTo([next], this.#options.deadline))) return;
    this.#breakpoints.remove([next]);
    this.#words = await this.#dump();
    this.#states.addRepeated(this.#words, Number(BigInt.asUintN(32, before - readField(this.#words, 'rcx'))));
  }

  #survives(stop: StopReply): boolean {
    if (!canGoOn(stop)) {
      this.#state = 'died';
      if (stop.kind === 'signal' && stop.signal === SHUT_DOWN)
        this.#said = 'it was reset or shut down, as after a triple fault';
    }
    return this.#state === 'runs';
  }

  /** The machine is stopped afterwards: there, or ahead. */
  async #arrive(): Promise<void> {
    if (this.#machine === 'ahead') this.#survives(await this.#rsp.waitForStop(this.#options.deadline));
  }

  /** @returns undefined where the machine died of it. */
  async #step(known: Known): Promise<Int32Array | undefined> {
    const before = this.#words;
    for (let tries = 0; ; tries++) {
      const { deadline } = this.#options;
      const stop = await (this.#machine === 'ahead'
        ? this.#rsp.waitForStop(deadline)
        : this.#rsp.step(deadline));
      this.#machine = 'there';
      if (!this.#survives(stop)) return undefined;
      const state = await this.#stateAfter(known, before);
      if (tries === MAX_TRIES || state.some((word, index) => word !== before[index])) return state;
    }
  }

  async #stateAfter({ instruction, successors }: Known, before: Int32Array): Promise<Int32Array> {
    if (changesHidden(instruction)) return this.#dump();
    if (!this.#canGoAhead(successors, before)) {
      const registers = await this.#rsp.readRegisterWords();
      return hasHiddenChange(registers, before) ? this.#dump() : withRegisters(before, registers);
    }
    const registers = await this.#rsp.readRegisterWordsAndStep();
    this.#machine = 'ahead';
    if (!hasHiddenChange(registers, before)) return withRegisters(before, registers);
    // A fault was delivered. What the stub does not show is taken from behind the handler's first instruction.
    await this.#arrive();
    return withRegisters(await this.#dump(), registers);
  }

  /** Whether all that may come next is known, and plain: its step needs no look at the machine before it. */
  #canGoAhead(successors: readonly bigint[], before: Int32Array): boolean {
    const { inside, until } = this.#options;
    const bitness = bitnessOf(before);
    const base = bitness === 64 ? 0n : readField(before, 'cs.base');
    return (
      successors.length > 0 &&
      successors.every((offset) => {
        const linear = base + offset;
        return (
          linear !== until && this.#code.peek(linear, bitness)?.kind === 'plain' && isInside(inside, linear)
        );
      })
    );
  }

  async #segment(endedAt: Segment['endedAt']): Promise<Segment> {
    await this.#arrive();
    const said = endedAt === 'died' ? this.#said : undefined;
    return { kind: 'segment', ...this.#states.take(), endedAt, ...(said === undefined ? {} : { said }) };
  }

  async #dump(): Promise<Int32Array> {
    const due = this.#breakpoints.takeDue();
    const [text] = await this.#rsp.together([{ kind: 'monitor', commandLine: 'info registers' }, ...due]);
    return stateFromDump(text!);
  }
}
