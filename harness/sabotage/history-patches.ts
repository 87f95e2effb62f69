/** Defects of Xen's past, brought back. Source of the code they look for: head.S, setup.c, version.c (4.14–4.17). */
import { MIB } from '../bits/align.ts';
import type { Instruction, Operand } from '../x86/instruction.ts';
import {
  find,
  isStoreTo,
  lastFieldPlus,
  memoryOperand,
  refersTo,
  removed,
  swapped,
  withLastByte,
} from './instruction-edits.ts';
import { type Patch, SabotageImpossibleError, type XenReader } from './xen-reader.ts';

const isRegister = (operand: Operand | undefined, register: string): boolean =>
  operand?.kind === 'register' && operand.register === register;
const isImmediate = (operand: Operand | undefined, value: bigint): boolean =>
  operand?.kind === 'immediate' && operand.value === value;

/** The error texts' code is in front of `__start`, its first label is `bad_cpu`. */
const ERRORS = 'bad_cpu';
/** __start_xen is 0x2800 bytes in 4.17, with the parts that its compiler moved to its end. */
const START_XEN_BYTES = 0x3000;

const startXen = (xen: XenReader) => xen.code('__start_xen', 64, START_XEN_BYTES);

const PUSH_IMM32 = 0x68;

/** `call 1f; 1: pop %reg` in `__start` becomes `push $1b; pop %reg`: the address as linked. */
export function baseConstant(xen: XenReader): Patch[] {
  const code = xen.code('__start');
  const call = find(
    code,
    'call of 5 bytes to a pop in __start',
    ({ flow, length }, i) => flow === 'call' && length === 5 && code[i + 1]?.mnemonic === 'pop',
  );
  const bytes = Buffer.of(PUSH_IMM32, 0, 0, 0, 0);
  bytes.writeUInt32LE(Number(call.address) + call.length, 1);
  return [{ linkTime: Number(call.address), bytes }];
}

/** `mov screen(%esi), %edi; add %ecx, %esi`, and the text after it, in the order of before b1c16800e5. */
export function errorScreenPointerClobbered(xen: XenReader): Patch[] {
  const code = xen.code(ERRORS);
  const load = find(
    code,
    'load of %edi from (%esi) and addition to %esi among the error texts',
    ({ mnemonic, operands: [to] }, i) =>
      mnemonic === 'mov' && isRegister(to, 'edi') && isAdditionToText(code[i + 1]),
  );
  const add = code[code.indexOf(load) + 1] as Instruction;
  return [swapped(load, add)];
}

function isAdditionToText(instruction: Instruction | undefined): boolean {
  return instruction?.mnemonic === 'add' && isRegister(instruction.operands[0], 'esi');
}

/** `test %edi, %edi; jz`: the jump goes to before the output of the same character, not to the next one. */
export function errorWithoutScreenEndless(xen: XenReader): Patch[] {
  const code = xen.code(ERRORS);
  const jump = find(
    code,
    'jump after test %edi, %edi among the error texts',
    ({ flow }, i) =>
      flow === 'conditional' &&
      code[i - 1]?.mnemonic === 'test' &&
      isRegister(code[i - 1]?.operands[0], 'edi'),
  );
  const output = find(
    code,
    'load of the line status register among the error texts',
    ({ mnemonic, operands: [to, value] }) =>
      mnemonic === 'mov' && isRegister(to, 'dx') && isImmediate(value, 0x3fdn),
  );
  return [withLastByte(jump, Number(output.address - jump.address) - jump.length)];
}

/** `mov $0x1000, %esp` before the call that finds the base: another word of the first page is lost. */
export function firstStackLower(xen: XenReader): Patch[] {
  const load = find(
    xen.code('__start'),
    'mov $0x1000, %esp in __start',
    ({ mnemonic, operands: [to, value] }) =>
      mnemonic === 'mov' && isRegister(to, 'esp') && isImmediate(value, 0x1000n),
  );
  return [lastFieldPlus(load, -0x10)];
}

/** `mov $minor, %eax` in xen_minor_version(). */
export function versionClaimed(xen: XenReader, minor: number): Patch[] {
  const load = find(
    xen.code('xen_minor_version', 64, 16),
    'mov of a constant in xen_minor_version',
    ({ mnemonic, operands: [to, value] }) =>
      mnemonic === 'mov' && isRegister(to, 'eax') && value?.kind === 'immediate',
  );
  const bytes = Buffer.from(load.bytes);
  bytes.writeUInt32LE(minor, bytes.length - 4);
  return [{ linkTime: Number(load.address), bytes }];
}

/** `relocated = true`, where xen_phys_start is not 0: Xen takes itself to be where no loader has moved it. */
export function relocatedXenForgotten(xen: XenReader): Patch[] {
  const code = startXen(xen);
  const physStart = xen.linkTime('xen_phys_start');
  const isByte = (instruction: Instruction | undefined, value: bigint) =>
    instruction?.mnemonic === 'mov' &&
    memoryOperand(instruction)?.sizeBytes === 1 &&
    isImmediate(instruction.operands[1], value);
  const cleared = code.findIndex(
    (instruction, i) =>
      isByte(instruction, 0n) &&
      code[i - 1]?.mnemonic === 'cmp' &&
      refersTo(code[i - 1] as Instruction, physStart),
  );
  const flag = code[cleared] && memoryOperand(code[cleared]);
  const set = find(
    code,
    'byte set to 1 after a comparison of xen_phys_start in __start_xen',
    (instruction, i) =>
      i > cleared &&
      isByte(instruction, 1n) &&
      memoryOperand(instruction)?.displacement === flag?.displacement &&
      memoryOperand(instruction)?.base === flag?.base,
  );
  if (!flag) throw new SabotageImpossibleError('comparison of xen_phys_start in __start_xen');
  return [withLastByte(set, 0)];
}

/** `kexec_crash_area.start = (e - kexec_crash_area.size) & PAGE_MASK` without the size: it begins where it should end. */
export function crashAreaOverModules(xen: XenReader): Patch[] {
  const start = xen.linkTime('kexec_crash_area') + 8;
  const code = startXen(xen);
  const isSubBefore = (i: number) =>
    code[i + 1]?.mnemonic === 'and' &&
    code[i + 2] !== undefined &&
    isStoreTo(code[i + 2] as Instruction, start);
  const sub = find(
    code,
    'subtraction, page mask and store to the crash area in __start_xen',
    ({ mnemonic }, i) => mnemonic === 'sub' && isSubBefore(i),
  );
  return [removed(sub)];
}

/** `movl $1, N(%reg)` after the call that moves a module marks it as moved; the call is left out. */
export function moduleNotCopied(xen: XenReader): Patch[] {
  const code = startXen(xen);
  const room = code.findIndex((instruction) => isStoreTo(instruction, xen.linkTime('initial_images')));
  const mark = code.findIndex(
    (instruction, i) =>
      i > room &&
      instruction.mnemonic === 'mov' &&
      memoryOperand(instruction)?.displacement === RESERVED_OFFSET &&
      isImmediate(instruction.operands[1], 1n),
  );
  const call = code.slice(0, Math.max(mark, 0)).findLast(({ flow }) => flow === 'call');
  if (room < 0 || !call) throw new SabotageImpossibleError('call before a module is marked in __start_xen');
  return [removed(call)];
}

/** `reserved` in struct module, xen/include/xen/multiboot.h. */
const RESERVED_OFFSET = 12n;

const JMP_REL8 = 0xeb;

/** `cmp $0x4000, %ecx; jae`: the jump that believes 0x40e is taken always. */
export function lowEbdaBelieved(xen: XenReader): Patch[] {
  const code = xen.code('trampoline_bios_setup');
  const jump = find(
    code,
    'short jump after a comparison with 0x4000 in trampoline_bios_setup',
    ({ flow, length }, i) =>
      flow === 'conditional' && length === 2 && isImmediate(code[i - 1]?.operands[1], 0x4000n),
  );
  return [{ linkTime: Number(jump.address), bytes: Buffer.of(JMP_REL8, jump.bytes[1] ?? 0) }];
}

/** `xor %cl, %cl`, which rounds the trampoline's segment down to a page. */
export function trampolineNotPageAligned(xen: XenReader): Patch[] {
  const round = find(
    xen.code('trampoline_bios_setup'),
    'xor %cl, %cl in trampoline_bios_setup',
    ({ mnemonic, operands: [to] }) => mnemonic === 'xor' && isRegister(to, 'cl'),
  );
  return [removed(round)];
}

/**
 * Two things that keep Xen from moving over itself: the size of the room that it looks for is that of its image, and the
 * place that it finds is compared with its own end.
 */
export function selfMoveUnchecked(xen: XenReader): Patch[] {
  const code = startXen(xen);
  const size = find(
    code,
    'or $0x1fffff before a call of consider_modules in __start_xen',
    ({ mnemonic, operands: [, value], length }, i) =>
      mnemonic === 'or' &&
      length >= 6 &&
      isImmediate(value, BigInt(2 * MIB - 1)) &&
      code[i + 1]?.flow === 'call',
  );
  const room = code.indexOf(size);
  const check = find(
    code,
    'jb after the comparison of the new place with the end in __start_xen',
    ({ mnemonic }, i) => i > room && mnemonic === 'jb' && code[i - 2]?.flow === 'call',
  );
  return [noSize(size), removed(check)];
}

const XOR_EDX_EDX = [0x31, 0xd2];
const NOP = 0x90;

function noSize(instruction: Instruction): Patch {
  if (!isRegister(instruction.operands[0], 'edx'))
    throw new SabotageImpossibleError('size in %edx for consider_modules');
  const bytes = Buffer.alloc(instruction.length, NOP);
  bytes.set(XOR_EDX_EDX);
  return { linkTime: Number(instruction.address), bytes };
}
