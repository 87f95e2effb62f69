/** A driver under the circumstances that a scenario makes: what is written at the entry, and witnesses beside its own. */
import type { GuestView, Observation } from '../guest/guest-view.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';
import { reportedSubject, type InstanceDriver } from './instance-driver.ts';
import type { Circumstances, MemoryWrite } from './scenario.ts';

export function withCircumstances(
  driver: InstanceDriver,
  facts: SubjectFacts,
  { atEntry = [], witnesses = {} }: Circumstances,
): InstanceDriver {
  return {
    ...driver,
    observe: async (stop, guest, report) => [
      ...(stop === 'entry' ? await writeAll(guest, atEntry) : []),
      ...(await driver.observe(stop, guest, report)),
    ],
    inspections: (stop, guest, report) => [
      ...(driver.inspections?.(stop, guest, report) ?? []),
      ...(witnesses.at?.(stop, guest, reportedSubject(facts, report), report) ?? []),
    ],
    endInspections: (machine, meaning, report) => [
      ...(driver.endInspections?.(machine, meaning, report) ?? []),
      ...(witnesses.atEnd?.(machine, reportedSubject(facts, report)) ?? []),
    ],
  };
}

/** The condition of a scenario: where it cannot be made, what follows proves nothing. */
async function writeAll({ ram }: GuestView, writes: readonly MemoryWrite[]): Promise<Observation[]> {
  if (writes.length > 0 && !ram)
    return [{ ok: false, text: 'the circumstances cannot be made: no room in /dev/shm for shared RAM' }];
  for (const { address, bytes } of writes) await ram?.write(address, bytes);
  return writes.map(({ says }) => ({ ok: true, text: `made so: ${says}` }));
}
