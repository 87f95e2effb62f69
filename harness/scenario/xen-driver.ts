/** Xen as a subject of a boot session: its landmarks, where to stop, what to look at there. */
import type { LoaderReport } from '../grub/console.ts';
import type { Stop, SubjectDriver } from '../boot/subject-driver.ts';
import type { Landmark } from '../serial/landmark.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { observe } from '../xen/checkpoint-checks.ts';
import {
  planCheckpoints,
  type CheckpointAddress,
  type CheckpointPlan,
  type EntryKind,
} from '../xen/checkpoint-addresses.ts';
import { expectedEndPattern, XEN_LINES } from '../xen/console.ts';
import type { BootImage, XenSymbols } from '../xen/xen-image.ts';
import type { XenSubject } from '../xen/xen-subject.ts';
import { LayoutOracle } from './layout-oracle.ts';

/** What is known of the subject before it is loaded. */
export interface XenFacts {
  readonly image: BootImage;
  readonly symbols: XenSymbols | undefined;
  readonly firmware: 'bios' | 'efi';
  readonly protocol: 'multiboot2' | 'multiboot1';
  readonly relocatingLoader: boolean;
  readonly loaderName: string;
  readonly arguments: string;
  readonly moduleCount: number;
  /** What each module holds; absent: there are none. */
  readonly modules?: readonly Uint8Array[];
  /** How the expected last word begins; default: nobody gave it a dom0. */
  readonly expectedEnd?: string;
}

const landmarks = ({ expectedEnd }: XenFacts): readonly Landmark[] => [
  { name: 'xen version', phase: 'subject', pattern: XEN_LINES.version },
  { name: 'early error', phase: 'subject', pattern: XEN_LINES.earlyError },
  { name: 'fault', phase: 'subject', pattern: XEN_LINES.fault },
  { name: 'expected end', phase: 'subject', pattern: expectedEndPattern(expectedEnd) },
  // A panic's text is on the line after this one; any other than ours is the end, too.
  { name: 'other panic', phase: 'subject', pattern: /^\(XEN\) Reboot in |^\(XEN\) Manual reset required/ },
];

/** UEFI with boot services kept enters at the EFI amd64 entry; everything else in 32-bit protected mode. */
export function entryKind(facts: Pick<XenFacts, 'image' | 'firmware' | 'protocol'>): EntryKind {
  const has = (type: string) => facts.image.header.tags.some((tag) => tag.type === type);
  return facts.firmware === 'efi' &&
    facts.protocol === 'multiboot2' &&
    has('entryAddressEfi64') &&
    has('efiBootServices')
    ? 'efi64'
    : 'multiboot32';
}

export function subjectAt(facts: XenFacts, loadBase: number): XenSubject {
  return {
    ...facts,
    entry: entryKind(facts),
    loadBase,
    physicalStart: loadBase - facts.image.loaded.linkBase,
  };
}

/** Where the image is, by the loader's own word; its link base where the loader says nothing. */
export function loadBaseOf(report: LoaderReport | undefined, facts: XenFacts): number {
  return report?.loadBase ?? facts.image.loaded.linkBase;
}

export interface XenDriver extends SubjectDriver {
  readonly plan: CheckpointPlan;
  /** What is known of the layout of this driver's one boot. */
  readonly layout: LayoutOracle;
}

export function xenDriver(facts: XenFacts, disassembler: Disassembler): XenDriver {
  const plan = planCheckpoints(facts.image, facts.symbols, entryKind(facts), disassembler);
  const addressOf = (name: string): CheckpointAddress => {
    const address = plan.addresses.find((candidate) => candidate.name === name);
    if (!address) throw new Error(`no checkpoint is called ${name}`);
    return address;
  };
  const layout = new LayoutOracle();
  return {
    plan,
    layout,
    landmarks: landmarks(facts),
    ends: {
      'early error': 'early-error',
      fault: 'panic',
      'expected end': 'expected',
      'other panic': 'panic',
    },
    stops: (report) =>
      plan.addresses.map((address) =>
        stopAt(address, loadBaseOf(report, facts) - facts.image.loaded.linkBase),
      ),
    observe: (name, guest, report) =>
      observe(guest, subjectAt(facts, loadBaseOf(report, facts)), addressOf(name)),
    inspectLayout: async (name, guest, report) => {
      const subject = subjectAt(facts, loadBaseOf(report, facts));
      const { symbols } = subject;
      if (name === 'entry')
        return layout.atEntry(guest, subject, report.printedMap ?? report.memoryMap ?? []);
      return name === '__start_xen' && symbols ? layout.atStartXen(guest, { ...subject, symbols }) : [];
    },
  };
}

function stopAt(address: CheckpointAddress, physicalStart: number): Stop {
  const where = address.space === 'linear' ? address.linear : BigInt(address.linkTime + physicalStart);
  return { name: address.name, address: where };
}
