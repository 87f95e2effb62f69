/** Defects of Xen's past as HISTORY scenarios meet them: docs/history.md. */
import type { Defect } from './defect.ts';
import {
  baseConstant,
  crashAreaOverModules,
  errorScreenPointerClobbered,
  errorWithoutScreenEndless,
  firstStackLower,
  lowEbdaBelieved,
  moduleNotCopied,
  relocatedXenForgotten,
  selfMoveUnchecked,
  trampolineNotPageAligned,
  versionClaimed,
} from './history-patches.ts';
import type { Patch, XenReader } from './xen-reader.ts';

const image = (patches: (xen: XenReader) => readonly Patch[]) => ({ depth: 'image', patches }) as const;
const FIRST_PAGE = 'first page at boot information relocated';
const LOW_WORD = 'history-low-word~bios~base-0x03e00000';

export const HISTORY_DEFECTS: readonly Defect[] = [
  {
    name: 'base-constant',
    claim: 'Xen takes its base from a constant: whoever moved it, it takes itself to be at its link base',
    history: '1695e53851',
    make: image(baseConstant),
    instances: ['history-base-from-code~bios~base-0x03e00000~tag-21-lies'],
    expected: { verdicts: ['crash'], reason: /(reset|triple)/ },
  },
  {
    name: 'error-screen-pointer-clobbered',
    claim: 'an early error reads its pointer to the screen through a register that points elsewhere by then',
    history: 'b1c16800e5',
    make: image(errorScreenPointerClobbered),
    instances: ['history-early-error-screen~bios~base-0x03e00000'],
    expected: {
      verdicts: ['fail'],
      witness: 'screen at its end',
      reason: /^screen at its end: the screen begins with “.*”, not with “ERR: Not a 64-bit CPU!”.*%edi/,
    },
  },
  {
    name: 'error-without-screen-endless',
    claim: 'an early error where there is no screen repeats its first character for ever',
    history: '78e693cc12',
    make: image(errorWithoutScreenEndless),
    instances: ['history-early-error-efi~efi~base-0x03e00000'],
    expected: {
      verdicts: ['crash'],
      reason: /^the guest flooded its serial console .*“?E/,
      deaths: ['console-flood'],
    },
  },
  {
    name: 'first-stack-lower',
    claim: 'Xen borrows another word of the first page than the one that it is known to lose',
    history: 'e58a2858d5',
    make: image(firstStackLower),
    instances: [LOW_WORD],
    expected: {
      verdicts: ['fail'],
      witness: FIRST_PAGE,
      reason: /^first page at boot information relocated: 0xfec is 0x[0-9a-f]+, not 0xa5a5a5a5/,
    },
  },
  {
    name: 'claims-4.20',
    claim:
      'Xen says it is of the first version that keeps 0xffc, and does not: what was excused is so no more',
    history: 'e58a2858d5',
    make: image((xen) => versionClaimed(xen, 20)),
    instances: [LOW_WORD],
    expected: {
      verdicts: ['fail'],
      witness: FIRST_PAGE,
      reason: /^first page at .*: 0xffc is 0x[0-9a-f]+, not 0xa5a5a5a5$/,
    },
  },
  {
    name: 'claims-4.21',
    claim:
      'Xen says it is of the first version that ends at 2 MiB, and does not: what was excused is so no more',
    history: '4fb075201f',
    make: image((xen) => versionClaimed(xen, 21)),
    instances: ['history-padding~bios~base-highest~memory-512'],
    expected: {
      verdicts: ['fail'],
      witness: 'padding at entry',
      reason:
        /^padding at entry: Xen's padding to 2 MiB covers 0x[0-9a-f]+–0x1fffffff, which is no free RAM$/,
    },
  },
  {
    name: 'crash-area-over-modules',
    claim: 'the crash kernel’s area begins where it should end, over a module and Xen: it is given up',
    history: '9589927e5b',
    make: image(crashAreaOverModules),
    instances: ['history-modules-placed~bios~base-any~memory-512'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'crash kernel area at memory reserved',
      reason: /crash kernel area at memory reserved: the crash kernel has 0 MiB, not 64/,
    },
  },
  {
    name: 'module-not-copied',
    claim: 'Xen moves a module in its list and not in memory: what lies there is handed to dom0',
    history: '9589927e5b',
    make: image(moduleNotCopied),
    instances: ['history-modules-placed~bios~base-any~memory-512'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'layout at memory reserved',
      reason: /layout at memory reserved: module 0 is changed at 0x/,
    },
  },
  {
    name: 'relocated-xen-forgotten',
    claim: 'Xen forgets that a loader has moved it: it moves modules over itself and itself once more',
    history: '9589927e5b',
    make: image(relocatedXenForgotten),
    instances: ['history-modules-placed~bios~base-any~memory-512'],
    expected: {
      verdicts: ['crash'],
      reason: /(reset|triple).* after checkpoint “__start_xen”, before “memory reserved”/,
    },
  },
  {
    name: 'low-ebda-believed',
    claim: 'an EBDA below 256 KiB is believed: the trampoline goes to memory that is used, or below 0',
    history: '5e5e2d2a34',
    make: image(lowEbdaBelieved),
    instances: ['history-ebda~bios~base-any~ebda-0x2000~memory-512'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'trampoline’s place at boot information relocated',
      reason: /trampoline_phys \(EBDA 0x2000, .*\) is 0x10000, not 0x8f000/,
    },
  },
  {
    name: 'trampoline-not-page-aligned',
    claim: 'the trampoline begins between pages, where no other processor can start',
    history: '46fce9fd2b',
    make: image(trampolineNotPageAligned),
    instances: ['history-ebda~bios~base-any~ebda-0x0000~memory-512'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'trampoline’s place at boot information relocated',
      reason: /trampoline_phys \(EBDA 0x0000, .*\) is 0x8fc00, not 0x8f000/,
    },
  },
  {
    name: 'self-move-unchecked',
    claim:
      'Xen moves itself without asking whether the place is past its own image: it copies itself over itself',
    history: '0d31d16808',
    make: image(selfMoveUnchecked),
    instances: ['history-little-memory~bios~multiboot1~memory-10'],
    expected: {
      verdicts: ['crash'],
      reason: /(reset|triple).* after checkpoint “__start_xen”/,
    },
  },
];
