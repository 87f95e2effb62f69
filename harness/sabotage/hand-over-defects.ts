/** What Xen hands on or says wrongly: boot information, trampoline, early errors, its own header. */
import type { HeaderTag } from '../multiboot2/header-tags.ts';
import type { Defect } from './defect.ts';
import { BIOS, EFI, EFI_MISALIGNED, MISALIGNED } from './instances.ts';
import { find, isStoreTo, lastFieldPlus, removed } from './instruction-edits.ts';
import { leaIn } from './relocation-patches.ts';
import { type Patch, SabotageImpossibleError, type XenReader } from './xen-reader.ts';

/** The store of reloc()'s result, the address of the boot information below 1 MiB. */
function informationForgotten(xen: XenReader): Patch[] {
  const pointer = xen.linkTime('multiboot_ptr');
  const code = xen.code('trampoline_setup');
  return [removed(find(code, 'store to multiboot_ptr', (instruction) => isStoreTo(instruction, pointer)))];
}

/** `lea 0x10000(%edi), %esp`: the stack above the trampoline. */
function lowStackOff(xen: XenReader): Patch[] {
  const lea = find(
    xen.code('trampoline_setup'),
    'lea to %esp in trampoline_setup',
    ({ mnemonic, operands: [to] }) => mnemonic === 'lea' && to?.kind === 'register' && to.register === 'esp',
  );
  return [lastFieldPlus(lea, -0x8000)];
}

/** `mov $words, %ecx; rep movs`: a page less is copied. */
function trampolineCutShort(xen: XenReader): Patch[] {
  const code = xen.code('trampoline_setup');
  const count = find(
    code,
    'mov to %ecx before rep movs',
    ({ mnemonic, operands: [to] }, i) =>
      mnemonic === 'mov' &&
      to?.kind === 'register' &&
      to.register === 'ecx' &&
      (code[i + 1]?.mnemonic ?? '').startsWith('movs'),
  );
  return [lastFieldPlus(count, -0x400)];
}

function otherText(from: string, to: string) {
  return (xen: XenReader): Patch[] => [{ linkTime: xen.linkTimeOf(from), bytes: Buffer.from(to) }];
}

/** The early error for a misaligned base says something else. */
export const otherEarlyError = otherText('ERR: Xen must be loaded at a 2Mb', 'ERR: Xen MUST');

/** A header tag that GRUB does not know in place of one that it does. @param required GRUB must then refuse. */
function headerTagUnknown(type: HeaderTag['type'], required: boolean) {
  return (xen: XenReader): Patch[] => {
    const tag = xen.header.tags.find((candidate) => candidate.type === type);
    if (!tag) throw new SabotageImpossibleError(`header tag ${type}`);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt16LE(UNKNOWN_TAG, 0);
    bytes.writeUInt16LE(required ? 0 : 1, 2);
    return [{ linkTime: xen.linkTimeAt(tag.offset), bytes }];
  };
}

const UNKNOWN_TAG = 0x4c42;
const image = (patches: (xen: XenReader) => readonly Patch[]) => ({ depth: 'image', patches }) as const;

export const HAND_OVER_DEFECTS: readonly Defect[] = [
  {
    name: 'boot-information-forgotten',
    claim: "reloc()'s result is not stored: Xen takes what lies at address 0 for its boot information",
    make: image(informationForgotten),
    instances: [BIOS, EFI],
    expected: { verdicts: ['crash'], reason: /(reset|triple).* after checkpoint “__start_xen”/ },
  },
  {
    name: 'trampoline-source-off',
    claim: 'the trampoline is copied from 16 bytes too far: garbage runs below 1 MiB',
    make: image((xen) => [lastFieldPlus(leaIn(xen, 'trampoline_start'), 16)]),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'trampoline copied',
      reason: /trampoline copied: at 0x[0-9a-f]+ stands \w+…, not the image's/,
    },
  },
  {
    name: 'trampoline-cut-short',
    claim:
      "the trampoline's last page is not copied: the other CPUs, or waking up, would run into what lay there",
    make: image(trampolineCutShort),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'trampoline copied',
      reason: /trampoline copied: at 0x[0-9a-f]+ stands \w+…, not the image's/,
    },
  },
  {
    name: 'trampoline-relocation-skipped',
    claim: 'one word of the trampoline keeps its link-time address',
    make: image((xen) => [lastFieldPlus(leaIn(xen, '__trampoline_rel_start'), 4)]),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'trampoline copied',
      reason: /trampoline copied: .*offset 0x[0-9a-f]+ is 0x/,
    },
  },
  {
    name: 'low-stack-off',
    claim: 'the stack below 1 MiB starts 32 KiB too low: it grows into the trampoline',
    make: image(lowStackOff),
    instances: [BIOS],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'trampoline copied',
      reason: /trampoline copied: %esp on the low-memory stack is/,
    },
  },
  {
    name: 'early-error-altered',
    claim: 'the early error text is not what it should be: a user cannot look it up',
    history: 'b1c16800e5',
    make: image(otherEarlyError),
    instances: [MISALIGNED, EFI_MISALIGNED, 'history-misaligned-base~bios~base-0x03e01000'],
    expected: {
      verdicts: ['fail'],
      witness: 'early error',
      reason: /^early error: the console says \["ERR: Xen MUST be loaded at a 2Mb boundary!"\], not/,
    },
  },
  {
    name: 'required-header-tag-unknown',
    claim:
      'the image demands what no GRUB knows: it must be refused with its text, not loaded nor ended in silence',
    make: image(headerTagUnknown('moduleAlignment', true)),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail'],
      reason: /^GRUB refused: unsupported tag: 0x4c42/,
      deaths: ['loader-error'],
    },
  },
  {
    name: 'boot-services-tag-absent',
    claim:
      'the image does not ask for EFI boot services, so GRUB ends them: an early error where there may be no VGA',
    history: '78e693cc12',
    make: image(headerTagUnknown('efiBootServices', false)),
    instances: [EFI],
    expected: {
      verdicts: ['fail'],
      reason: /^the subject said “ERR: Bootloader shutdown EFI x64 boot services!”/,
      deaths: ['early-error'],
    },
  },
  {
    name: 'relocatable-tag-absent',
    claim: 'the image is not relocatable any more: GRUB puts it at its link base',
    make: image(headerTagUnknown('relocatable', false)),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail'],
      witness: 'loader',
      reason: /loader: GRUB loaded the image at 0x00200000, not at 0x03e00000/,
    },
  },
];
