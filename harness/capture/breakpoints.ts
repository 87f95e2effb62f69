/** Hardware breakpoints by linear address. */
import { type Deadline, DeadlineError } from '../lifetime/deadline.ts';
import type { RspCommand } from '../rsp/command.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import type { StopReply } from '../rsp/stop-reply.ts';
import type { CallSite } from './call-sites.ts';
import { NoReturnError } from './errors.ts';

/** Firmware takes milliseconds; a menu that waits for a key would wait for ever. */
const EXCURSION_MS = 60_000;

/** What is added and removed is told to the stub when the machine is let run, in the same write, or with what asks for it. */
export class Breakpoints {
  readonly #rsp: RspClient;
  readonly #set = new Set<bigint>();
  readonly #due: RspCommand[] = [];

  constructor(rsp: RspClient) {
    this.#rsp = rsp;
  }

  add(addresses: Iterable<bigint>): void {
    for (const address of addresses) {
      if (this.#set.has(address)) continue;
      this.#due.push({ kind: 'insert', address });
      this.#set.add(address);
    }
  }

  remove(addresses: Iterable<bigint>): void {
    for (const address of addresses)
      if (this.#set.delete(address)) this.#due.push({ kind: 'remove', address });
  }

  /** What the stub must still be told: the caller does. */
  takeDue(): RspCommand[] {
    return this.#due.splice(0);
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
    this.add(addresses);
    await this.#rsp.together(this.takeDue(), 'continue');
    return this.#rsp.waitForStop(deadline);
  }
}

/** GDB's SIGTRAP: a breakpoint or a step. Whatever else QEMU tells is an end (stop-reply.ts), and it goes on no more. */
const TRAP = 5;

/** Whether a machine that stopped so can be let run again. */
export function canGoOn(stop: StopReply): boolean {
  return stop.kind === 'signal' && stop.signal === TRAP;
}
