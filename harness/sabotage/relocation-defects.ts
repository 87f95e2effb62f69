/** A load base that Xen computes or applies wrongly. Source of the code they look for: xen/arch/x86/boot/head.S (4.14–4.17). */
import { MIB } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import type { Instruction } from '../x86/instruction.ts';
import type { Defect } from './defect.ts';
import { BIOS, EFI, MISALIGNED } from './instances.ts';
import {
  find,
  isStoreTo,
  lastFieldPlus,
  memoryOperand,
  refersTo,
  removed,
  withoutBase,
} from './instruction-edits.ts';
import { type Patch, SabotageImpossibleError, type XenReader } from './xen-reader.ts';

/** `sub $imm32, %reg` after `call; pop %reg` in `__start` takes 2 MiB too much. */
export function baseOffByTwoMib(xen: XenReader): Patch[] {
  const code = xen.code('__start');
  const sub = find(
    code,
    'call, pop, sub in __start',
    ({ mnemonic }, i) =>
      mnemonic === 'sub' && code[i - 1]?.mnemonic === 'pop' && code[i - 2]?.flow === 'call',
  );
  return [lastFieldPlus(sub, 2 * MIB)];
}

/** `lea __image_base__(%rip)` in x86_32_switch; that symbol has the link-time physical address 0. */
function efiBaseOffByTwoMib(xen: XenReader): Patch[] {
  const lea = find(
    xen.code('x86_32_switch', 64),
    'lea of the image base in x86_32_switch',
    (instruction) => instruction.mnemonic === 'lea' && refersTo(instruction, 0),
  );
  return [lastFieldPlus(lea, 2 * MIB)];
}

/** In the loop up to `__page_tables_end`, the addition of the base becomes no-ops. */
export function pageTablesNotRelocated(xen: XenReader): Patch[] {
  const end = xen.linkTime('__page_tables_end');
  const code = xen.code('trampoline_setup');
  const loop = code.findIndex((instruction) => refersTo(instruction, end));
  const add = find(
    code,
    'addition in a loop up to __page_tables_end',
    ({ mnemonic }, i) => i > loop && mnemonic === 'add',
  );
  if (loop < 0) throw new SabotageImpossibleError('loop up to __page_tables_end in trampoline_setup');
  return [removed(add)];
}

/** The loop begins after the first entry that is present. */
function firstEntryLeftOut(xen: XenReader): Patch[] {
  const start = xen.linkTime('__page_tables_start');
  const tables = new ByteReader(xen.bytes(start, xen.linkTime('__page_tables_end') - start), 'page tables');
  let offset = 0;
  while ((tables.u32(offset) & 1) === 0) offset += 8;
  return [lastFieldPlus(leaIn(xen, '__page_tables_start'), offset + 8)];
}

/** The loop ends a table too early: the last one is idle_pg_table, which CR3 will point to. */
function lastTableLeftOut(xen: XenReader): Patch[] {
  return [lastFieldPlus(leaIn(xen, '__page_tables_end'), -4096)];
}

/** `lea symbol(%reg), %reg` in trampoline_setup. */
export function leaIn(xen: XenReader, symbol: string): Instruction {
  const address = xen.linkTime(symbol);
  return find(
    xen.code('trampoline_setup'),
    `lea of ${symbol} in trampoline_setup`,
    (instruction) => instruction.mnemonic === 'lea' && refersTo(instruction, address),
  );
}

function storeIn(xen: XenReader, symbol: string): Instruction {
  const address = xen.linkTime(symbol);
  return find(xen.code('trampoline_setup'), `store to ${symbol} in trampoline_setup`, (instruction) =>
    isStoreTo(instruction, address),
  );
}

/** `add %esi, gdt_boot_base(…)` becomes no-ops on both ways into the image. */
function gdtBaseNotRelocated(xen: XenReader): Patch[] {
  const base = xen.linkTime('gdt_boot_base');
  return (
    [
      ['__start', 32],
      ['x86_32_switch', 64],
    ] as const
  ).map(([symbol, bitness]) =>
    removed(
      find(
        xen.code(symbol, bitness),
        `addition to gdt_boot_base in ${symbol}`,
        (instruction) => instruction.mnemonic === 'add' && refersTo(instruction, base),
      ),
    ),
  );
}

/** The store that maps the trampoline in l1_bootmap, `disp32(%esi,%ecx,8)`. */
function trampolineMapAtLinkTime(xen: XenReader): Patch[] {
  const table = BigInt(xen.linkTime('l1_bootmap'));
  const store = find(
    xen.code('trampoline_setup'),
    'indexed store to l1_bootmap in trampoline_setup',
    (instruction) => {
      const memory = memoryOperand(instruction);
      return instruction.mnemonic === 'mov' && memory?.index !== undefined && memory.displacement === table;
    },
  );
  return [withoutBase(store)];
}

/** `test $0x1fffff, %eax; jne` after the page tables: the jump to the error becomes no-ops. */
function alignmentCheckRemoved(xen: XenReader): Patch[] {
  const code = xen.code('trampoline_setup');
  const jump = find(code, 'jump after a test for 2 MiB in trampoline_setup', ({ flow }, i) => {
    const [, value] = code[i - 1]?.operands ?? [];
    return flow === 'conditional' && value?.kind === 'immediate' && value.value === BigInt(2 * MIB - 1);
  });
  return [removed(jump)];
}

const image = (patches: (xen: XenReader) => readonly Patch[]) => ({ depth: 'image', patches }) as const;

/** The second under KVM, which does not tell them apart. */
const TRIPLE_FAULT = ['triple-fault', 'reset-or-triple-fault'];

export const RELOCATION_DEFECTS: readonly Defect[] = [
  {
    name: 'base-off',
    claim: 'the BIOS entry computes a base that is 2 MiB too low: every later access goes beside the image',
    history: '1695e53851',
    make: image(baseOffByTwoMib),
    instances: [BIOS],
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
    instances: [EFI],
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
      'GDTR gets the link-time address: a triple fault, later than one thinks where GRUB left a copy of the image there',
    make: image(gdtBaseNotRelocated),
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['crash'],
      deaths: TRIPLE_FAULT,
      witness: 'boot information relocated',
      reason: /boot information relocated: the GDT base in the image is 0x[0-9a-f]+, not 0x/,
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
    expected: { verdicts: ['fail'], reason: /boot_tsc_stamp/ },
    needs: 'layout: RAM that nobody owns is not watched yet',
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
    instances: [MISALIGNED],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'long mode',
      reason: /long mode: __high_start through these tables is 0x/,
      deaths: TRIPLE_FAULT,
    },
  },
];
