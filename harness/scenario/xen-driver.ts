/** Xen as a subject of a boot session: its landmarks, where to stop, what to look at there. */
import type { LoaderReport } from '../grub/console.ts';
import { layoutName, type Inspection, type Stop } from '../boot/subject-driver.ts';
import type { GuestView } from '../guest/guest-view.ts';
import type { Landmark } from '../serial/landmark.ts';
import { entryKind } from '../subject/entry-kind.ts';
import type { LoadedSubject, SubjectFacts } from '../subject/loaded-subject.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { observe } from '../xen/checkpoint-checks.ts';
import { planCheckpoints, type CheckpointAddress } from '../xen/checkpoint-addresses.ts';
import { DOM0_NOT_BUILT, expectedEndPattern, observeConsole, XEN_LINES } from '../xen/console.ts';
import { reportedSubject, rulesAtEntry, type InstanceDriver } from './instance-driver.ts';
import { LayoutOracle } from './layout-oracle.ts';
import { atStartXen, inspectXenEnd, layoutAtEntry, whenReserved } from './xen-layout.ts';

const landmarks = ({ expectedEnd }: SubjectFacts): readonly Landmark[] => [
  { name: 'xen version', phase: 'subject', pattern: XEN_LINES.version },
  { name: 'early error', phase: 'subject', pattern: XEN_LINES.earlyError },
  { name: 'fault', phase: 'subject', pattern: XEN_LINES.fault },
  { name: 'expected end', phase: 'subject', pattern: expectedEndPattern(expectedEnd) },
  // A panic's text is on the line after this one; any other than ours is the end, too.
  { name: 'other panic', phase: 'subject', pattern: /^\(XEN\) Reboot in |^\(XEN\) Manual reset required/ },
];

export function xenDriver(facts: SubjectFacts, disassembler: Disassembler): InstanceDriver {
  const { image, symbols, moduleCount, expectedEnd } = facts;
  const reserves = moduleCount > 0 && expectedEnd === DOM0_NOT_BUILT;
  const plan = planCheckpoints(image, symbols, entryKind(facts), disassembler, { reserves });
  const addressOf = (name: string): CheckpointAddress => {
    const address = plan.addresses.find((candidate) => candidate.name === name);
    if (!address) throw new Error(`no checkpoint is called ${name}`);
    return address;
  };
  const layout = new LayoutOracle();
  const at = (report: LoaderReport) => reportedSubject(facts, report);
  return {
    layout,
    notPossible: plan.notPossible,
    landmarks: landmarks(facts),
    ends: {
      'early error': 'early-error',
      fault: 'panic',
      'expected end': 'expected',
      'other panic': 'panic',
    },
    haltsAt: ['early-error'],
    stops: (report) => plan.addresses.map((address) => stopAt(address, at(report).physicalStart)),
    observe: (name, guest, report) => observe(guest, at(report), addressOf(name)),
    own: { name: 'console', observe: (lines, report) => observeConsole(lines, at(report)) },
    inspections: (stop, guest, report) => inspections(layout, stop, guest, at(report), report),
    endInspections: (machine, meaning, report) =>
      meaning === 'early-error'
        ? [{ name: layoutName('its end'), inspect: () => inspectXenEnd(layout, machine, at(report)) }]
        : [],
  };
}

function stopAt(address: CheckpointAddress, physicalStart: number): Stop {
  const where = address.space === 'linear' ? address.linear : BigInt(address.linkTime + physicalStart);
  return { name: address.name, address: where };
}

/** Where the layout is looked at after the entry. */
const LAYOUTS: Readonly<Record<string, typeof atStartXen>> = {
  __start_xen: atStartXen,
  'memory reserved': whenReserved,
};

function inspections(
  layout: LayoutOracle,
  stop: string,
  guest: GuestView,
  subject: LoadedSubject,
  report: LoaderReport,
): Inspection[] {
  const { symbols } = subject;
  if (stop === 'entry')
    return [
      ...rulesAtEntry(guest, subject),
      { name: layoutName(stop), inspect: () => layoutAtEntry(layout, guest, subject, report) },
    ];
  const inspect = LAYOUTS[stop];
  return inspect && symbols
    ? [{ name: layoutName(stop), inspect: () => inspect(layout, guest, { ...subject, symbols }) }]
    : [];
}
