/**
 * A kernel that nobody here knows: it is looked at where it is entered, and has booted when it says what the user
 * expects of it. Where nothing is expected, it must still be alive some time after its entry.
 */
import { setTimeout } from 'node:timers/promises';
import type { LoaderReport } from '../grub/console.ts';
import { layoutName } from '../boot/subject-driver.ts';
import type { Observation } from '../guest/guest-view.ts';
import { checkEntry } from '../subject/entry-checks.ts';
import { entryAddress, entryKind } from '../subject/entry-kind.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';
import { reportedSubject, rulesAtEntry, type InstanceDriver } from './instance-driver.ts';
import { LayoutOracle } from './layout-oracle.ts';

/** Alive for so long after its entry: early boot is over by then, under TCG too. */
const SETTLE_MS = 3000;
const SETTLED = `still running ${SETTLE_MS / 1000} s after its entry`;

/** @param expected the console line that ends the boot as it should. */
export function kernelDriver(facts: SubjectFacts, expected: RegExp | undefined): InstanceDriver {
  const layout = new LayoutOracle();
  let enter = (): void => undefined;
  const entered = new Promise<void>((resolve) => (enter = resolve));
  const at = (report: LoaderReport) => reportedSubject(facts, report);
  const entry = entryAddress(facts.image, entryKind(facts));
  const landmark = `a line like ${expected?.source ?? ''}`;
  return {
    layout,
    notPossible: [],
    landmarks: expected ? [{ name: landmark, phase: 'subject', pattern: expected }] : [],
    ends: expected ? { [landmark]: 'expected' } : {},
    ...(expected ? {} : { settled: entered.then(() => setTimeout(SETTLE_MS, SETTLED, { ref: false })) }),
    stops: (report) => [{ name: 'entry', address: BigInt(entry + at(report).physicalStart) }],
    observe: async (_name, guest, report) => {
      const observations = await checkEntry(guest, at(report));
      enter();
      return observations;
    },
    inspections: (stop, guest, report) => [
      ...rulesAtEntry(guest, at(report)),
      {
        name: layoutName(stop),
        // What a kernel does with free memory is its own affair: nothing is compared later.
        inspect: () => layout.atEntry(guest, at(report), report.printedMap ?? report.memoryMap ?? [], false),
      },
    ],
    own: {
      name: 'console',
      observe: (lines): Observation[] => [
        {
          ok: true,
          text: expected ? `it said “${lines.find((line) => expected.test(line)) ?? ''}”` : SETTLED,
        },
      ],
    },
  };
}
