/** Hardware breakpoints by linear address, some of which stand for good and some for one wait. */
import type { Deadline } from '../lifetime/deadline.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import type { StopReply } from '../rsp/stop-reply.ts';

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

  /** Lets the machine run until it stops; those of `addresses` that were not set before are set for that long. */
  async runTo(addresses: readonly bigint[], deadline: Deadline): Promise<StopReply> {
    const added = addresses.filter((address) => !this.#set.has(address));
    await this.add(added);
    this.#rsp.continue();
    const stop = await this.#rsp.waitForStop(deadline);
    await this.remove(added);
    return stop;
  }
}
