/** Where Xen computes or applies its base, broken. Source of the code they look for: xen/arch/x86/boot/head.S (4.14–4.17). */
import { MIB } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import type { Instruction } from '../x86/instruction.ts';
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
export function efiBaseOffByTwoMib(xen: XenReader): Patch[] {
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
export function firstEntryLeftOut(xen: XenReader): Patch[] {
  const start = xen.linkTime('__page_tables_start');
  const tables = new ByteReader(xen.bytes(start, xen.linkTime('__page_tables_end') - start), 'page tables');
  let offset = 0;
  while ((tables.u32(offset) & 1) === 0) offset += 8;
  return [lastFieldPlus(leaIn(xen, '__page_tables_start'), offset + 8)];
}

/** The loop ends a table too early: the last one is idle_pg_table, which CR3 will point to. */
export function lastTableLeftOut(xen: XenReader): Patch[] {
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

export function storeIn(xen: XenReader, symbol: string): Instruction {
  const address = xen.linkTime(symbol);
  return find(xen.code('trampoline_setup'), `store to ${symbol} in trampoline_setup`, (instruction) =>
    isStoreTo(instruction, address),
  );
}

/** `add %esi, gdt_boot_base(…)` becomes no-ops on both ways into the image. */
export function gdtBaseNotRelocated(xen: XenReader): Patch[] {
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
export function trampolineMapAtLinkTime(xen: XenReader): Patch[] {
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
export function alignmentCheckRemoved(xen: XenReader): Patch[] {
  const code = xen.code('trampoline_setup');
  const jump = find(code, 'jump after a test for 2 MiB in trampoline_setup', ({ flow }, i) => {
    const [, value] = code[i - 1]?.operands ?? [];
    return flow === 'conditional' && value?.kind === 'immediate' && value.value === BigInt(2 * MIB - 1);
  });
  return [removed(jump)];
}
