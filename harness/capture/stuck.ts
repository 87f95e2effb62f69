/** A machine that was let run and does not stop: it is asked where it is, so that the error says more than that time passed. */
import { hex } from '../bits/hex.ts';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import { StuckError } from './errors.ts';

const ASKING_MS = 5000;

/** What `use` does with the machine, in other words where it ran out of time. @throws StuckError */
export async function tellingWhereItIs<T>(rsp: RspClient, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    throw await explained(rsp, error);
  }
}

/** The same of parts that come one by one. */
export async function* partsTellingWhereItIs<T>(
  rsp: RspClient,
  parts: AsyncGenerator<T, void>,
): AsyncGenerator<T, void> {
  try {
    yield* parts;
  } catch (error) {
    throw await explained(rsp, error);
  }
}

async function explained(rsp: RspClient, error: unknown): Promise<unknown> {
  if (!(error instanceof DeadlineError) || rsp.state !== 'running') return error;
  return new StuckError(error.message, await whereIs(rsp), { cause: error });
}

async function whereIs(rsp: RspClient): Promise<string> {
  try {
    rsp.interrupt();
    await rsp.waitForStop(Deadline.in(ASKING_MS));
    const { rip } = await rsp.readRegisters();
    return `is at ${hex(rip)}`;
  } catch {
    return 'does not answer';
  }
}
