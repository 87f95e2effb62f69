/** Runs a session to its first checkpoint and leaves the machine stopped there for a debugger. */
import { RspClient } from '../rsp/rsp-client.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { BootEnd } from './boot-end.ts';
import type { BootSession } from './boot-session.ts';
import type { LoaderReport } from '../grub/console.ts';
import type { Stop, SubjectDriver } from './subject-driver.ts';

export type DebugStop =
  | { readonly kind: 'stopped'; readonly at: Stop; readonly loader: LoaderReport }
  | { readonly kind: 'ended'; readonly end: BootEnd };

export async function stopAtFirstCheckpoint(
  session: BootSession,
  driver: SubjectDriver,
  deadline: Deadline,
): Promise<DebugStop> {
  const handOff = await session.runToHandOff();
  if (handOff.kind !== 'loaded') return { kind: 'ended', end: handOff.end };
  const [at] = driver.stops(handOff.loader);
  if (!at) throw new Error('the subject has no checkpoint to stop at');
  await using rsp = await RspClient.connect(await session.machine.connectGdb(deadline), { deadline });
  await rsp.insertHardwareBreakpoint(at.address);
  rsp.continue();
  await rsp.waitForStop(deadline);
  // Left set, the breakpoint would stop gdb at the same instruction again when it continues.
  await rsp.removeHardwareBreakpoint(at.address);
  return { kind: 'stopped', at, loader: handOff.loader };
}
