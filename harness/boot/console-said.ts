/** A wait for the console that ends as a value: matched, timed out, or with nothing more to come. */
import { type Deadline, DeadlineError } from '../lifetime/deadline.ts';
import { SerialClosedError, SerialFloodError } from '../serial/errors.ts';
import type { SerialConsole } from '../serial/serial-console.ts';
import type { BootEnd } from './boot-end.ts';

export type Said =
  | { readonly kind: 'landmark'; readonly name: string; readonly text: string }
  | Extract<BootEnd, { kind: 'timeout' | 'console' }>;

/**
 * @param exited settles once QEMU's exit is seen, or does not come: a QEMU that ends closes its sockets first, and then
 * its exit, which others report, is the end.
 */
export async function consoleSaid(
  console: SerialConsole,
  names: readonly string[],
  deadline: Deadline,
  exited: () => Promise<unknown>,
): Promise<Said> {
  try {
    const match = await console.waitFor(names, deadline);
    return { kind: 'landmark', name: match.name, text: match.line };
  } catch (error) {
    if (error instanceof SerialFloodError)
      return { kind: 'console', state: 'flooded', detail: error.message };
    if (error instanceof SerialClosedError) {
      await exited();
      return { kind: 'console', state: 'closed', detail: error.message };
    }
    if (!(error instanceof DeadlineError)) throw error;
    const { phase } = console;
    return { kind: 'timeout', awaited: error.awaited, lastSeen: console.lastLines(1)[0], phase };
  }
}
