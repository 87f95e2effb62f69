/** The layout once more, at an end that the subject announced itself; the machine is held for it and stays held. */
import type { BootRecord, BootSession } from '../boot/boot-session.ts';
import { layoutName } from '../boot/subject-driver.ts';
import type { MemoryView, Observation, SharedRam } from '../guest/guest-view.ts';
import type { InstanceDriver } from './instance-driver.ts';

/** The record with what the layout was like at the end; as it is where nobody can or need look. */
export async function withEnd(
  session: BootSession,
  driver: InstanceDriver,
  record: BootRecord,
): Promise<BootRecord> {
  const { end, loader } = record;
  const { ram, qmp } = session.machine;
  if (end.kind !== 'subject' || !loader || !ram || !driver.inspectEnd) return record;
  // A machine that is gone by now cannot be stopped; its memory is still there.
  await qmp.execute('stop').catch(() => undefined);
  const observations = await driver
    .inspectEnd(memoryOf(ram), end.meaning, loader)
    .catch((error: unknown): Observation[] => [
      {
        ok: false,
        text: `could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
      },
    ]);
  if (observations.length === 0) return record;
  const checkpoint = { name: layoutName('its end'), address: 0n, observations };
  return { ...record, checkpoints: [...record.checkpoints, checkpoint] };
}

function memoryOf(ram: SharedRam): MemoryView {
  return { ram, readPhysical: (address, sizeBytes) => ram.read(address, sizeBytes) };
}
