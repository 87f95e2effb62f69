/** From hand-off to the end, stopping at each checkpoint on the way: hardware breakpoints, so no code is changed. */
import type { Deadline } from '../lifetime/deadline.ts';
import type { Machine } from '../qemu/launch.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import type { GuestView, Observation } from '../xen/guest-view.ts';
import type { BootEnd } from './boot-end.ts';
import { stoppedGuest } from './guest.ts';
import type { ObservedCheckpoint, Stop } from './subject-driver.ts';

/** x86 has four debug registers; under KVM there are no more hardware breakpoints than that. */
const BREAKPOINT_SLOTS = 4;

/** A guest that stops for reasons of its own again and again is not followed for ever. */
const MAX_UNEXPECTED_STOPS = 16;

export interface CheckpointRun {
  readonly machine: Machine;
  readonly stops: readonly Stop[];
  readonly observe: (name: string, guest: GuestView) => Promise<readonly Observation[]>;
  /** Settles when the boot has ended, whoever says so. Never rejects. */
  readonly ended: Promise<BootEnd>;
  readonly deadline: Deadline;
  readonly onPhase?: ((phase: string) => void) | undefined;
}

export interface CheckpointOutcome {
  readonly checkpoints: readonly ObservedCheckpoint[];
  readonly missed: readonly string[];
  readonly end: BootEnd;
}

/** The machine is held at hand-off; afterwards it has ended, and may be running still. */
export async function runCheckpoints(run: CheckpointRun): Promise<CheckpointOutcome> {
  const { machine, deadline } = run;
  const stream = await machine.connectGdb(deadline);
  await using rsp = await RspClient.connect(stream, { deadline });
  await rsp.setPhysicalMemoryMode(true);
  const window = new BreakpointWindow(rsp, run.stops);
  await window.fill();
  const checkpoints: ObservedCheckpoint[] = [];
  for (let unexpected = 0; unexpected < MAX_UNEXPECTED_STOPS;) {
    rsp.continue();
    const stopped = rsp.waitForStop(deadline).then(() => 'stopped' as const);
    stopped.catch(() => undefined);
    const end = await Promise.race([run.ended, stopped.catch(() => run.ended)]);
    if (end !== 'stopped') return { checkpoints, missed: window.waiting(), end };
    const guest = await stoppedGuest(rsp, machine.qmp);
    const stop = await window.take(guest.registers.rip);
    if (!stop) unexpected++;
    else {
      run.onPhase?.(stop.name);
      checkpoints.push({ ...stop, observations: await observeSafely(run, stop, guest) });
    }
  }
  return {
    checkpoints,
    missed: window.waiting(),
    end: { kind: 'loader', detail: 'the guest keeps stopping at no checkpoint of ours' },
  };
}

/** A check that cannot read what it needs has found something, too: that is an observation, not a broken harness. */
async function observeSafely(
  run: CheckpointRun,
  stop: Stop,
  guest: GuestView,
): Promise<readonly Observation[]> {
  try {
    return await run.observe(stop.name, guest);
  } catch (error) {
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
