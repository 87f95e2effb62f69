/**
 * The second boot of the same machine: QEMU logs the CPU before each instruction inside. The machine is stopped before
 * an instruction that leaves the inside, and again when control is back; whoever reads the segments looks at memory
 * while it stands there. The instruction that would fill the log with its iterations is left out by the log's ranges,
 * and passed with a stop before and one behind it.
 */
import type { Deadline } from '../lifetime/deadline.ts';
import type { Machine } from '../qemu/launch.ts';
import type { LogRange } from '../qemu/machine-spec.ts';
import type { RspCommand } from '../rsp/command.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { readField } from '../x86/state/state-layout.ts';
import { Breakpoints, canGoOn } from './breakpoints.ts';
import type { CallSite, RepeatSite, Sites } from './call-sites.ts';
import { CodeAhead } from './code-ahead.ts';
import { isInside, withoutAddresses } from './inside.ts';
import { leaving } from './leaving.ts';
import { LogParser } from './log-parser.ts';
import { askAndTell, QemuLog, tell } from './qemu-log.ts';
import type { Return, Segment } from './segment.ts';
import { StateBuffer } from './state-buffer.ts';
import { stateFromDump } from './state-from-dump.ts';
import { partsTellingWhereItIs } from './stuck.ts';

/** More iterations than this in a row are not worth their lines: stopping twice costs about as much. */
const LONG_REPEAT = 500;

/** States that are given away while the machine still runs. */
const BATCH_STATES = 1 << 16;

/** A call or a return that changes nothing at all has not been run. */
const MAX_STEPS = 16;

/** Repeated string instructions that are passed instead of logged. */
export function longRepeats({ repeats }: Sites): readonly RepeatSite[] {
  return repeats.filter(({ longestRun }) => longestRun > LONG_REPEAT);
}

/** What the recording machine's log must look at. */
export function recordedRanges(inside: readonly LogRange[], sites: Sites): LogRange[] {
  return withoutAddresses(
    inside,
    longRepeats(sites).map(({ linear }) => linear),
  );
}

export interface RecordingOptions {
  /** Stopped at the capture's first instruction; launched with {@link recordedRanges}. */
  readonly machine: Machine;
  readonly inside: readonly LogRange[];
  readonly sites: Sites;
  /** Linear address of the first instruction that is not captured. */
  readonly until: bigint;
  readonly disassembler: Disassembler;
  readonly deadline: Deadline;
}

/** @throws NoReturnError, StuckError, LogFormatError, and what the monitor and the stub throw. */
export async function* recordSegments(options: RecordingOptions): AsyncGenerator<Segment | Return, void> {
  const { machine, deadline } = options;
  await using rsp = await RspClient.connect(await machine.connectGdb(deadline), { deadline });
  const recorder = new Recorder(options, rsp);
  await using log = await QemuLog.open(machine, rsp, {
    subject: 'states',
    reader: (onMark) => recorder.reader(onMark),
    deadline,
  });
  yield* partsTellingWhereItIs(rsp, recorder.record(log));
}

class Recorder {
  readonly #options: RecordingOptions;
  readonly #rsp: RspClient;
  readonly #breakpoints: Breakpoints;
  readonly #code: CodeAhead;
  readonly #states: StateBuffer;
  readonly #calls: ReadonlyMap<bigint, CallSite>;
  readonly #long: ReadonlyMap<bigint, RepeatSite>;
  /** Where breakpoints always are. */
  readonly #fixed: ReadonlySet<bigint>;
  #control: 'inside' | 'outside' = 'inside';
  #reset: string | undefined;
  #onFull: () => void = () => undefined;

  constructor(options: RecordingOptions, rsp: RspClient) {
    this.#options = options;
    this.#rsp = rsp;
    this.#breakpoints = new Breakpoints(rsp);
    this.#code = new CodeAhead(rsp, options.disassembler);
    this.#states = new StateBuffer(options.sites.repeats.map(({ linear }) => linear));
    this.#calls = new Map(options.sites.calls.map((site) => [site.linear, site]));
    this.#long = new Map(longRepeats(options.sites).map((site) => [site.linear, site]));
    this.#fixed = new Set([...this.#calls.keys(), ...this.#long.keys(), options.until]);
  }

  reader(onMark: (text: string) => void): LogParser {
    return new LogParser({
      onMark,
      onReset: (line) => (this.#reset = line),
      onState: (words) => {
        // Firmware that calls the subject back.
        if (this.#control === 'outside') return;
        this.#states.add(words);
        if (this.#states.count >= BATCH_STATES) this.#onFull();
      },
    });
  }

  async *record(log: QemuLog): AsyncGenerator<Segment | Return, void> {
    this.#breakpoints.add(this.#fixed);
    this.#states.restart(await this.#state());
    for (let state: 'runs' | 'ended' = 'runs'; state === 'runs';) {
      yield* this.#run(log);
      state = yield* this.#stopped(log);
    }
  }

  async *#stopped(log: QemuLog): AsyncGenerator<Segment | Return, 'runs' | 'ended'> {
    const state = await this.#state(log.rest());
    const at = linearAddress(state);
    if (this.#reset !== undefined || !this.#breakpoints.has(at)) return yield* this.#died(log);
    this.#states.add(state);
    if (at === this.#options.until) {
      yield this.#segment('end');
      return 'ended';
    }
    const call = this.#calls.get(at);
    if (call) return yield* this.#leave(call, state, log);
    const long = this.#long.get(at);
    if (long) await this.#pass(long);
    // One of the return addresses of an excursion, where a call that did not leave returns.
    else this.#breakpoints.remove([at]);
    return 'runs';
  }

  /** Runs to the next breakpoint, and gives away what fills up meanwhile. */
  async *#run(log: QemuLog): AsyncGenerator<Segment, void> {
    await tell(this.#rsp, [...this.#breakpoints.takeDue(), ...log.on()], 'continue');
    const stopped = this.#rsp.waitForStop(this.#options.deadline).then(() => 'stopped' as const);
    stopped.catch(() => undefined);
    for (;;) {
      const full = new Promise<'full'>((resolve) => (this.#onFull = () => resolve('full')));
      if ((await Promise.race([stopped, full, log.failed])) === 'stopped') break;
      log.pause();
      yield this.#segment('goes on');
      log.resume();
    }
    await log.drain();
  }

  /** From before a call until control is inside again. */
  async *#leave(
    site: CallSite,
    before: Int32Array,
    log: QemuLog,
  ): AsyncGenerator<Segment | Return, 'runs' | 'ended'> {
    yield this.#segment('excursion');
    this.#control = 'outside';
    const outcome = await this.#goOutside(site, before);
    if (outcome === 'died') return yield* this.#died(log);
    const [state] = await Promise.all([outcome.stayedAt ?? this.#state(log.on()), log.drain()]);
    const at = linearAddress(state);
    if (this.#reset !== undefined || !isInside(this.#options.inside, at)) return yield* this.#died(log);
    this.#removeReturn(at);
    this.#control = 'inside';
    this.#states.restart(state);
    yield { kind: 'return', site, left: outcome.stayedAt === undefined, state };
    return 'runs';
  }

  /** Executes the call, and what it calls. A stop less where it is seen beforehand that it leaves: each takes long. */
  async #goOutside(site: CallSite, before: Int32Array): Promise<'died' | { stayedAt?: Int32Array }> {
    const { inside, deadline } = this.#options;
    const { instruction } = await this.#code.at(site.linear, before);
    if ((await leaving(this.#rsp, inside, instruction, before)) === 'leaves') {
      this.#breakpoints.remove([site.linear]);
      const stop = await this.#breakpoints.runBack(site, deadline);
      if (!canGoOn(stop)) return 'died';
      this.#breakpoints.add([site.linear]);
      return {};
    }
    const state = await this.#step(before);
    if (!state) return 'died';
    if (isInside(inside, linearAddress(state))) return { stayedAt: state };
    return canGoOn(await this.#breakpoints.runBack(site, deadline)) ? {} : 'died';
  }

  /** One instruction. QEMU may stop before it is run, for an interrupt it then does not take. @returns undefined where it died. */
  async #step(before: Int32Array): Promise<Int32Array | undefined> {
    for (let tries = 0; ; tries++) {
      if (!canGoOn(await this.#rsp.step(this.#options.deadline))) return undefined;
      const state = await this.#state();
      if (tries === MAX_STEPS || state.some((word, index) => word !== before[index])) return state;
    }
  }

  /** It would stop there again at once. The others may stay until the next time. */
  #removeReturn(address: bigint): void {
    if (!this.#fixed.has(address)) this.#breakpoints.remove([address]);
  }

  async *#died(log: QemuLog): AsyncGenerator<Segment, 'ended'> {
    await log.drain();
    yield this.#segment('died');
    return 'ended';
  }

  /** Over a repeated string instruction. */
  async #pass(site: RepeatSite): Promise<void> {
    this.#breakpoints.remove([site.linear]);
    await this.#breakpoints.runTo([site.next], this.#options.deadline);
    this.#breakpoints.add([site.linear]);
    this.#removeReturn(site.next);
  }

  #segment(endedAt: Segment['endedAt']): Segment {
    const said = endedAt === 'died' ? this.#reset : undefined;
    return { kind: 'segment', ...this.#states.take(), endedAt, ...(said === undefined ? {} : { said }) };
  }

  /** @param also run in the same write */
  async #state(also: readonly RspCommand[] = []): Promise<Int32Array> {
    const commands = [...this.#breakpoints.takeDue(), ...also];
    return stateFromDump(await askAndTell(this.#rsp, 'info registers', commands));
  }
}

function linearAddress(state: Int32Array): bigint {
  return BigInt.asUintN(64, readField(state, 'rip') + readField(state, 'cs.base'));
}
