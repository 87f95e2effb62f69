/** One thing each that an early boot may forget or overdo; found by what it does, as harness/sabotage finds its defects. */
import { find, lastFieldPlus, withLastByte, withoutBase } from '../../harness/sabotage/instruction-edits.ts';
import {
  gdtBaseNotRelocated,
  leaIn,
  pageTablesNotRelocated,
  storeIn,
} from '../../harness/sabotage/relocation-patches.ts';
import { type Patch, SabotageImpossibleError, type XenReader } from '../../harness/sabotage/xen-reader.ts';
import type { Instruction } from '../../harness/x86/instruction.ts';

const NOP = 0x90;

/** Other code in place of one instruction or of several. @throws SabotageImpossibleError where it does not fit */
function replaced(instructions: readonly Instruction[], code: readonly number[]): Patch {
  const [first] = instructions;
  const room = instructions.reduce((sum, { length }) => sum + length, 0);
  if (!first || code.length > room) throw new SabotageImpossibleError(`room for ${code.length} bytes`);
  const bytes = Buffer.alloc(room, NOP);
  bytes.set(code);
  return { linkTime: Number(first.address), bytes };
}

function little(value: number | bigint, sizeBytes: 4 | 8): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return [...bytes.subarray(0, sizeBytes)];
}

const named = (mnemonic: string) => (instruction: Instruction) => instruction.mnemonic === mnemonic;

function firstCpuid(xen: XenReader): Instruction {
  return find(xen.code('trampoline_setup'), 'cpuid in trampoline_setup', named('cpuid'));
}

/** RDTSC and the two stores after it, whose place is then free for other code: 14 bytes. */
function timeStampCode(xen: XenReader): readonly Instruction[] {
  const code = xen.code('trampoline_setup');
  const at = code.indexOf(find(code, 'rdtsc in trampoline_setup', named('rdtsc')));
  return code.slice(at, at + 3);
}

/** (a) */
export function storeForgotten(xen: XenReader): Patch[] {
  return [withoutBase(storeIn(xen, 'boot_tsc_stamp'))];
}

/** (b) `lea __page_tables_start(%esi), %eax`: the tables of the stale copy get the base. */
export function addressForgotten(xen: XenReader): Patch[] {
  return [withoutBase(leaIn(xen, '__page_tables_start'))];
}

/** (c) */
export { pageTablesNotRelocated, gdtBaseNotRelocated };

/** (d) `jmp .` */
export function endless(xen: XenReader): Patch[] {
  return [replaced([firstCpuid(xen)], [0xeb, 0xfe])];
}

/** (e) `fld1` */
export function floatingPoint(xen: XenReader): Patch[] {
  return [replaced([firstCpuid(xen)], [0xd9, 0xe8])];
}

/** (f) efi_multiboot2 takes 8 bytes less of the stack than its compiler counted on. */
export function stackMisaligned(xen: XenReader): Patch[] {
  const code = xen.code('efi_multiboot2', 64);
  const moves = (mnemonic: string) => (instruction: Instruction) => {
    const [to, value] = instruction.operands;
    return (
      instruction.mnemonic === mnemonic &&
      to?.kind === 'register' &&
      to.register === 'rsp' &&
      value?.kind === 'immediate' &&
      value.value === 0x28n
    );
  };
  return ['sub', 'add'].map((mnemonic) =>
    withLastByte(find(code, `${mnemonic} $0x28, %rsp in efi_multiboot2`, moves(mnemonic)), 0x20),
  );
}

/** (g) `mov %al, moffs64` in place of the ten bytes of `movl $0, vga_text_buffer(%rip)`. */
export function highHalfTooEarly(xen: XenReader): Patch[] {
  const code = xen.code('__efi64_mb2_start', 64);
  const store = find(
    code,
    'movl to vga_text_buffer',
    ({ length, mnemonic }) => mnemonic === 'mov' && length === 10,
  );
  return [replaced([store], [0xa2, ...little(xen.linear('vga_text_buffer'), 8)])];
}

/** (i) `push $next; ret` */
export function jumpToLinkTime(xen: XenReader): Patch[] {
  const [first, second] = xen.code('trampoline_setup');
  if (first?.length !== 6 || !second) throw new SabotageImpossibleError('6 bytes at trampoline_setup');
  return [replaced([first], [0x68, ...little(second.address, 4), 0xc3])];
}

/** (j) */
export function storeBeyond(xen: XenReader): Patch[] {
  return [lastFieldPlus(storeIn(xen, 'boot_tsc_stamp'), 0x200_0000)];
}

/** (k) `mov %esi, %eax; shr $4, %eax; mov %eax, boot_cpu_data(%esi)` */
export function oddResult(xen: XenReader): Patch[] {
  const to = xen.linkTime('boot_cpu_data');
  return [replaced(timeStampCode(xen), [0x89, 0xf0, 0xc1, 0xe8, 4, 0x89, 0x86, ...little(to, 4)])];
}
