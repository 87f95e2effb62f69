/** The probe specimen: it tells what it was handed, the stub tells what is there, and both must say the same. */
import crc32 from 'crc-32';
import { layoutName } from '../boot/subject-driver.ts';
import type { LoaderReport } from '../grub/console.ts';
import type { GuestView, Observation } from '../guest/guest-view.ts';
import { MAX_INFORMATION_BYTES, PROBE_END } from '../probe/record.ts';
import { checkRecord, type SeenAtEntry } from '../probe/record-checks.ts';
import { readProbeRecord } from '../probe/read-record.ts';
import { checkEntry } from '../subject/entry-checks.ts';
import { entryAddress, entryKind } from '../subject/entry-kind.ts';
import type { LoadedSubject, SubjectFacts } from '../subject/loaded-subject.ts';
import { reportedSubject, rulesAtEntry, type EndedMachine, type InstanceDriver } from './instance-driver.ts';
import { LayoutOracle } from './layout-oracle.ts';

export function probeDriver(facts: SubjectFacts): InstanceDriver {
  const layout = new LayoutOracle();
  let seen: SeenAtEntry | undefined;
  const at = (report: LoaderReport) => reportedSubject(facts, report);
  const entry = entryAddress(facts.image, entryKind(facts));
  return {
    layout,
    notPossible: [],
    landmarks: [{ name: 'record', phase: 'subject', pattern: PROBE_END }],
    ends: { record: 'expected' },
    haltsAt: ['expected'],
    stops: (report) => [{ name: 'entry', address: BigInt(entry + at(report).physicalStart) }],
    observe: async (_stop, guest, report) => {
      seen = await lookAt(guest, at(report));
      return checkEntry(guest, at(report));
    },
    inspections: (stop, guest, report) => [
      ...rulesAtEntry(guest, at(report)),
      {
        name: layoutName(stop),
        inspect: () => layout.atEntry(guest, at(report), report.printedMap ?? report.memoryMap ?? [], true),
      },
    ],
    endInspections: (machine, _meaning, report) => [
      {
        name: layoutName('its end'),
        // It owns nothing but its image, and calls no firmware.
        inspect: () => layout.later('its end', machine, at(report), { parts: [], taken: [] }),
      },
      { name: 'end', inspect: async () => halted(machine) },
    ],
    own: {
      name: 'record',
      // Half a record, or none, says more of an end than how the CPU stood.
      always: true,
      observe: (lines) => {
        const reading = readProbeRecord(lines);
        if (reading.kind !== 'record')
          return [{ ok: false, text: `no record to believe (${reading.kind}): ${reading.detail}` }];
        if (!seen)
          return [{ ok: false, text: 'its entry was not seen, so nothing compares with its record' }];
        return checkRecord(reading.record, seen);
      },
    },
  };
}

function halted({ isHalted }: EndedMachine): Observation[] {
  return [{ ok: isHalted, text: isHalted ? 'it halted after its record' : 'it went on after its record' }];
}

/** What the harness itself sees of all that the record will tell. */
async function lookAt(guest: GuestView, subject: LoadedSubject): Promise<SeenAtEntry> {
  const { image, loadBase, physicalStart, entry } = subject;
  const segments = image.loaded.segments.map(({ offset, paddr, filesz, memsz }) => ({
    ...{ run: Number(paddr) + physicalStart, link: Number(paddr), filesz, memsz },
    crc32: crc32.buf(image.bytes.subarray(offset, offset + filesz)) >>> 0,
  }));
  const informationAddress = Number(guest.registers.rbx & 0xffff_ffffn);
  const size = new DataView((await guest.readPhysical(informationAddress, 4)).slice().buffer).getUint32(
    0,
    true,
  );
  return {
    ...{ entry, runBase: loadBase, linkBase: image.loaded.linkBase, segments, informationAddress },
    state: await guest.readMachineState(),
    cr3: guest.registers.cr3,
    information: await guest.readPhysical(informationAddress, Math.min(size, MAX_INFORMATION_BYTES)),
  };
}
