/** Hardware breakpoints by linear address. */
import { type Deadline, DeadlineError } from '../lifetime/deadline.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import type { StopReply } from '../rsp/stop-reply.ts';
import type { CallSite } from './call-sites.ts';
import { NoReturnError } from './errors.ts';

/** Firmware takes milliseconds; a menu that waits for a key would wait for ever. */
const EXCURSION_MS = 60_000;

export class Breakpoints {
  readonly #rsp: RspClient;
  readonly #set = new Set<bigint>();

  constructor(rsp: RspClient) {
    this.#rsp = rsp;
  }

  async add(addresses: Iterable<bigint>): Promise<void> {
    for (const address of addresses) {
      if (this.#set.has(address)) continue;
      await this.#rsp.insertHardwareBreakpoint(address);
      this.#set.add(address);
    }
  }

  async remove(addresses: Iterable<bigint>): Promise<void> {
    for (const address of addresses) {
      if (!this.#set.delete(address)) continue;
      await this.#rsp.removeHardwareBreakpoint(address);
    }
  }

  has(address: bigint): boolean {
    return this.#set.has(address);
  }

  /**
   * Lets the machine run outside until control is back, or comes to another breakpoint.
   * @throws NoReturnError where that takes too long
   */
  async runBack(site: CallSite, deadline: Deadline): Promise<StopReply> {
    const began = performance.now();
    try {
      return await this.runTo(site.returns, deadline.cut(EXCURSION_MS));
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw new NoReturnError(site, performance.now() - began, { cause: error });
    }
  }

  /** Lets the machine run until it stops. The breakpoints stay. */
  async runTo(addresses: readonly bigint[], deadline: Deadline): Promise<StopReply> {
    await this.add(addresses);
    this.#rsp.continue();
    return this.#rsp.waitForStop(deadline);
  }
}

/** GDB's SIGTRAP: a breakpoint or a step. Whatever else QEMU tells is an end (stop-reply.ts), and it goes on no more. */
const TRAP = 5;

/** Whether a machine that stopped so can be let run again. */
export function canGoOn(stop: StopReply): boolean {
  return stop.kind === 'signal' && stop.signal === TRAP;
}
