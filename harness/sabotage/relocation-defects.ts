/** A load base that Xen computes or applies wrongly. */
import type { Defect } from './defect.ts';
import { BIOS, EFI, MISALIGNED } from './instances.ts';
import { withoutBase } from './instruction-edits.ts';
import {
  baseOffByTwoMib,
  efiBaseOffByTwoMib,
  pageTablesNotRelocated,
  firstEntryLeftOut,
  lastTableLeftOut,
  storeIn,
  gdtBaseNotRelocated,
  trampolineMapAtLinkTime,
  alignmentCheckRemoved,
} from './relocation-patches.ts';
import type { Patch, XenReader } from './xen-reader.ts';

const image = (patches: (xen: XenReader) => readonly Patch[]) => ({ depth: 'image', patches }) as const;

/** The second under KVM, which does not tell them apart. */
const TRIPLE_FAULT = ['triple-fault', 'reset-or-triple-fault'];

export const RELOCATION_DEFECTS: readonly Defect[] = [
  {
    name: 'base-off',
    claim: 'the BIOS entry computes a base that is 2 MiB too low: every later access goes beside the image',
    history: '1695e53851',
    make: image(baseOffByTwoMib),
    instances: [BIOS, 'history-base-from-code~bios~base-0x03e00000~tag-21-absent'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'base computed',
      reason: /base computed: %esi .* is 0x3a00000, not 0x3c00000/,
    },
  },
  {
    name: 'efi-base-off',
    claim: 'the EFI entry computes a base that is 2 MiB too high',
    history: '1695e53851',
    make: image(efiBaseOffByTwoMib),
    instances: [EFI, 'history-base-from-code~efi~base-0x03e00000~tag-21-lies'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'base computed',
      reason: /base computed: %[er]si .* is 0x3e00000, not 0x3c00000/,
    },
  },
  {
    name: 'page-tables-not-relocated',
    claim: 'no entry of the prebuilt page tables gets the base: a triple fault without a word at paging',
    make: image(pageTablesNotRelocated),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['crash'],
      deaths: TRIPLE_FAULT,
      witness: 'page tables relocated',
      reason: /page tables relocated: \d+ entries are wrong/,
    },
  },
  {
    name: 'page-table-entry-left-out',
    claim: 'one entry of the prebuilt page tables keeps its link-time address: harmless until it is walked',
    make: image(firstEntryLeftOut),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'page tables relocated',
      reason: /page tables relocated: 1 entries are wrong: \w+\[\d+\]/,
    },
  },
  {
    name: 'last-table-left-out',
    claim: 'the top-level table keeps its link-time addresses: a triple fault at paging',
    make: image(lastTableLeftOut),
    instances: [BIOS],
    expected: {
      verdicts: ['crash'],
      deaths: TRIPLE_FAULT,
      witness: 'page tables relocated',
      reason: /page tables relocated: \d+ entries are wrong: idle_pg_table\[/,
    },
  },
  {
    name: 'gdt-base-not-relocated',
    claim:
      'GDTR gets the link-time address: a triple fault, or none for a while where GRUB left a copy of the image there',
    make: image(gdtBaseNotRelocated),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['crash'],
      deaths: TRIPLE_FAULT,
      // The oracle's pattern lies where GRUB left a copy of the image, so that the first reload of a selector faults.
      reason: /^triple fault at 0x[0-9a-f]{8} \((trampoline_bios_setup|x86_32_switch)\+/,
    },
  },
  {
    name: 'phys-start-at-link-time',
    claim: 'xen_phys_start is stored without the base register: Xen takes itself to be at its link base',
    make: image((xen) => [withoutBase(storeIn(xen, 'xen_phys_start'))]),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'boot information relocated',
      reason: /boot information relocated: xen_phys_start is 0x0, not 0x3c00000/,
    },
  },
  {
    name: 'time-stamp-at-link-time',
    claim:
      'boot_tsc_stamp is stored without the base register: Xen boots to its banner and has damaged whoever owns that memory',
    make: image((xen) => [withoutBase(storeIn(xen, 'boot_tsc_stamp'))]),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail'],
      witness: 'layout at __start_xen',
      reason: /boot_tsc_stamp(\+0x[1-3])?: .*; written by 0x[0-9a-f]+ \(trampoline_setup\+0x[0-9a-f]+\)/,
    },
  },
  {
    name: 'trampoline-map-at-link-time',
    claim: 'the trampoline is mapped in a table at the link base: a triple fault when it turns paging on',
    make: image(trampolineMapAtLinkTime),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['crash'],
      reason: /(reset|triple).* after checkpoint “trampoline copied”/,
      deaths: TRIPLE_FAULT,
    },
  },
  {
    name: 'alignment-check-removed',
    claim: 'a base that is no multiple of 2 MiB is not refused: a triple fault where an error text should be',
    history: '0946068e7f',
    make: image(alignmentCheckRemoved),
    instances: [MISALIGNED, 'history-misaligned-base~bios~base-0x03f00000'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'long mode',
      reason: /long mode: __high_start through these tables is 0x/,
      deaths: TRIPLE_FAULT,
    },
  },
];
