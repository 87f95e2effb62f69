/** From hand-off to the end, stopping at each checkpoint on the way: hardware breakpoints, so no code is changed. */
import type { Laps } from '../lifetime/laps.ts';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import type { Machine } from '../qemu/launch.ts';
import { QmpClosedError, QmpProtocolError } from '../qmp/errors.ts';
import { RspClosedError, RspProtocolError } from '../rsp/errors.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import type { GuestView, Observation } from '../guest/guest-view.ts';
import type { BootEnd } from './boot-end.ts';
import { stoppedGuest } from './guest.ts';
import type { Inspection, ObservedCheckpoint, Stop } from './subject-driver.ts';

/** x86 has four debug registers; under KVM there are no more hardware breakpoints than that. */
const BREAKPOINT_SLOTS = 4;

/** A guest that stops for reasons of its own again and again is not followed for ever. */
const MAX_UNEXPECTED_STOPS = 16;

/** QEMU's stub answers a connection in milliseconds, even under TCG. */
const STUB_MS = 10_000;
const END_SEEN_MS = 3000;

const HOST_ERRORS = [DeadlineError, RspClosedError, RspProtocolError, QmpClosedError, QmpProtocolError];

export interface CheckpointRun {
  readonly machine: Machine;
  readonly stops: readonly Stop[];
  readonly observe: (name: string, guest: GuestView) => Promise<readonly Observation[]>;
  /** Witnesses beside what is to be seen at that stop; none at most of them. */
  readonly inspections?: ((name: string, guest: GuestView) => readonly Inspection[]) | undefined;
  /** Settles when the boot has ended, whoever says so. Never rejects. */
  readonly ended: Promise<BootEnd>;
  readonly deadline: Deadline;
  readonly onPhase?: ((phase: string) => void) | undefined;
  readonly laps?: Laps | undefined;
}

export interface CheckpointOutcome {
  readonly checkpoints: readonly ObservedCheckpoint[];
  readonly missed: readonly string[];
  readonly end: BootEnd;
}

/** The machine is held at hand-off; afterwards it has ended, and may be running still. */
export async function runCheckpoints(run: CheckpointRun): Promise<CheckpointOutcome> {
  const checkpoints: ObservedCheckpoint[] = [];
  const waiting = run.stops.map(({ name }) => name);
  try {
    return await follow(run, checkpoints);
  } catch (error) {
    // A machine that dies takes its stub along, and the stub's closed socket is seen first.
    const end = await Deadline.in(END_SEEN_MS)
      .wait(run.ended, 'the end')
      .catch(() => undefined);
    if (end?.kind !== 'machine' && end?.kind !== 'console') throw error;
    const missed = waiting.filter((name) => !checkpoints.some((checkpoint) => checkpoint.name === name));
    return { checkpoints, missed, end };
  }
}

async function follow(run: CheckpointRun, checkpoints: ObservedCheckpoint[]): Promise<CheckpointOutcome> {
  const { machine, deadline } = run;
  run.laps?.enter('witnesses');
  const connecting = deadline.cut(STUB_MS);
  await using rsp = await RspClient.connect(await machine.connectGdb(connecting), { deadline: connecting });
  await rsp.setPhysicalMemoryMode(true);
  const window = new BreakpointWindow(rsp, run.stops);
  await window.fill();
  for (let unexpected = 0; unexpected < MAX_UNEXPECTED_STOPS;) {
    // GRUB moves the image to its place only now.
    run.laps?.enter(checkpoints.length === 0 ? 'hand-over' : 'subject');
    rsp.continue();
    const stopped = rsp.waitForStop(deadline).then(() => 'stopped' as const);
    const end = await Promise.race([run.ended, stopped.catch(() => run.ended)]);
    if (end !== 'stopped') return { checkpoints, missed: window.waiting(), end };
    run.laps?.enter('witnesses');
    const guest = await stoppedGuest(rsp, machine);
    const stop = await window.take(guest.registers.rip);
    if (!stop) unexpected++;
    else {
      run.onPhase?.(stop.name);
      checkpoints.push({ ...stop, observations: await observeSafely(() => run.observe(stop.name, guest)) });
      for (const inspection of run.inspections?.(stop.name, guest) ?? []) {
        const observations = await observeSafely(() => inspection.inspect());
        if (observations.length > 0) checkpoints.push({ ...stop, name: inspection.name, observations });
      }
    }
  }
  return {
    checkpoints,
    missed: window.waiting(),
    end: { kind: 'loader', detail: 'the guest keeps stopping at no checkpoint of ours' },
  };
}

/**
 * A check that cannot read what it needs has found something, too: that is an observation, not a broken harness. A stub
 * or a monitor that is silent or gone has nothing to do with the guest.
 */
export async function observeSafely(
  observe: () => Promise<readonly Observation[]>,
): Promise<readonly Observation[]> {
  try {
    return await observe();
  } catch (error) {
    if (HOST_ERRORS.some((kind) => error instanceof kind)) throw error;
    return [
      {
        ok: false,
        text: `could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
      },
    ];
  }
}

/** The next few stops in the order they are met; each is taken out when it is met, for QEMU would stop there again. */
class BreakpointWindow {
  readonly #rsp: RspClient;
  readonly #later: Stop[];
  readonly #set: Stop[] = [];

  constructor(rsp: RspClient, stops: readonly Stop[]) {
    this.#rsp = rsp;
    this.#later = [...stops];
  }

  waiting(): string[] {
    return [...this.#set, ...this.#later].map(({ name }) => name);
  }

  async fill(): Promise<void> {
    while (this.#set.length < BREAKPOINT_SLOTS) {
      const next = this.#later.shift();
      if (!next) return;
      await this.#rsp.insertHardwareBreakpoint(next.address);
      this.#set.push(next);
    }
  }

  /** The stop at `address`, which then is no longer set; undefined where none is there. */
  async take(address: bigint): Promise<Stop | undefined> {
    const index = this.#set.findIndex((stop) => stop.address === address);
    const [stop] = index < 0 ? [] : this.#set.splice(index, 1);
    if (!stop) return undefined;
    await this.#rsp.removeHardwareBreakpoint(stop.address);
    await this.fill();
    return stop;
  }
}
