/** Gathers what is needed to name a death, from a machine that may be half gone. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deadline } from '../lifetime/deadline.ts';
import type { BootRecord } from './boot-record.ts';
import type { BootSession } from './boot-session.ts';
import { CPU_LOG } from './cpu-log.ts';
import { parseCpuState, type CpuState } from './cpu-state.ts';
import { causeOfDeath, type Death } from './death.ts';
import { humanMonitor } from './guest.ts';
import { placeOf } from './place.ts';

export interface DeathInquiry {
  readonly session: BootSession;
  readonly record: BootRecord;
  /** The instance's folder. */
  readonly directory: string;
  readonly deadline: Deadline;
  readonly symbolise: (linear: bigint) => string | undefined;
}

/** @returns undefined where the machine did not die: see causeOfDeath. */
export async function inquire({
  session,
  record,
  directory,
  deadline,
  symbolise,
}: DeathInquiry): Promise<Death | undefined> {
  const { end, loader } = record;
  const cpuLog = await readFile(join(directory, CPU_LOG), 'latin1').catch(() => '');
  const cause = causeOfDeath({ end, accelerator: session.machine.spec.accelerator, cpuLog });
  if (!cause) return undefined;
  const cpu = end.kind === 'still' ? end.stillness.cpu : await cpuNow(session, deadline);
  const pc = cause.kind === 'firmware-exception' ? cause.exception.pc : cpu?.pc;
  const { phase, lastLandmark } = session.console;
  return {
    ...cause,
    lastLandmark: lastLandmark?.name,
    phase,
    cpu,
    pc,
    place: pc === undefined ? undefined : placeOf(pc, { phase, memoryMap: loader?.memoryMap, symbolise }),
  };
}

async function cpuNow(session: BootSession, deadline: Deadline): Promise<CpuState | undefined> {
  try {
    return parseCpuState(await humanMonitor(session.machine.qmp, 'info registers', deadline));
  } catch {
    return undefined;
  }
}
