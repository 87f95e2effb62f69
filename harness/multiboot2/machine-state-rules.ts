/**
 * Rules for the CPU at the image's first instruction. Sections of the Multiboot2 Specification 2.0: §3.3 "I386 machine
 * state", §3.5 "EFI amd64 machine state with boot services enabled", which sends on to UEFI 2.6 §2.3.4 "x64 platforms".
 * That memory is identity mapped and 128 KiB of stack are there cannot be told from registers.
 */
import { isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { MULTIBOOT2_ENTRY_MAGIC } from './magic.ts';
import { breachIf, judge, type Rule, type RuleFinding } from './rule-finding.ts';

/** A segment register with its hidden part. */
export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity applied. */
  readonly limit: number;
  /** The descriptor's second doubleword (SDM 3A §3.4.5); its base and limit bits are not looked at. */
  readonly flags: number;
}

/** What a monitor can tell of a CPU; `parseRegisterDump` (qemu) gives one. */
export interface MachineState {
  /** By their 64-bit names, lower case; `rax`, `rbx` and `rsp` are looked at. */
  readonly general: Readonly<Record<string, bigint>>;
  readonly rflags: bigint;
  readonly segments: Readonly<Record<'es' | 'cs' | 'ss' | 'ds' | 'fs' | 'gs', SegmentState>>;
  readonly gdtr: { readonly base: bigint; readonly limit: number };
  readonly idtr: { readonly base: bigint; readonly limit: number };
  readonly cr0: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** Undefined where it cannot be told. */
  readonly a20: boolean | undefined;
  /** x87 control word and MXCSR; undefined where they cannot be told. */
  readonly fcw?: number | undefined;
  readonly mxcsr?: number | undefined;
}

export type EntryKind = 'multiboot32' | 'efi64';

type StateRule = Rule<MachineState>;

// SDM 3A §2.5, §2.2.1, §2.3, §3.4.5
const CR0_PE = 1n << 0n;
const CR0_EM = 1n << 2n;
const CR0_TS = 1n << 3n;
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const EFER_LME = 1n << 8n;
const EFER_LMA = 1n << 10n;
const FLAG_IF = 1n << 9n;
const FLAG_DF = 1n << 10n;
const FLAG_VM = 1n << 17n;
const DESCRIPTOR = { readWrite: 1 << 9, code: 1 << 11, system: 1 << 12, present: 1 << 15 } as const;
const LONG = 1 << 21;
const DEFAULT_32 = 1 << 22;
const WHOLE_LIMIT = 0xffff_ffff;
const FOUR_GIB = 0x1_0000_0000n;
const INFORMATION_ALIGNMENT = 8;
const FIRST_PAGE_END = 0x1000n;
const STACK_ALIGNMENT = 16n;
/** UEFI 2.6 §2.3.4. */
const INITIAL_FCW = 0x37f;
const INITIAL_MXCSR = 0x1f80;

const DATA_SEGMENTS = ['ds', 'es', 'fs', 'gs', 'ss'] as const;

/** Both kinds of entry. */
const COMMON_RULES: readonly StateRule[] = [
  {
    name: 'entry-magic',
    demands: `EAX holds the magic ${hex(MULTIBOOT2_ENTRY_MAGIC)}`,
    source: 'Multiboot2 §3.3, §3.5',
    breaches: ({ general }) =>
      breachIf(register(general, 'rax') % FOUR_GIB !== BigInt(MULTIBOOT2_ENTRY_MAGIC), () =>
        shown(general, 'rax'),
      ),
  },
  {
    name: 'entry-information',
    demands: 'EBX holds the physical address of the boot information, a multiple of 8 past the first page',
    source: 'Multiboot2 §3.3, §3.5, §3.6.1, GRUB commit 0f3f5b7c1',
    breaches: ({ general }) => {
      const address = register(general, 'rbx') % FOUR_GIB;
      const sound = address >= FIRST_PAGE_END && isAligned(Number(address), INFORMATION_ALIGNMENT);
      return breachIf(!sound, () => shown(general, 'rbx'));
    },
  },
  {
    name: 'protected-mode',
    demands: 'CR0.PE is set',
    source: 'Multiboot2 §3.3, UEFI 2.6 §2.3.4',
    breaches: ({ cr0 }) => breachIf((cr0 & CR0_PE) === 0n, () => `CR0 is ${hex(cr0)}`),
  },
  {
    name: 'a20-on',
    demands: 'the A20 gate is enabled',
    source: 'Multiboot2 §3.3',
    breaches: ({ a20 }) => (a20 === undefined ? undefined : breachIf(!a20, () => 'A20 is off')),
  },
];

const MULTIBOOT32_RULES: readonly StateRule[] = [
  ...COMMON_RULES,
  {
    name: 'code-segment',
    demands: 'CS is a 32-bit read/execute code segment with offset 0 and limit 0xffffffff',
    source: 'Multiboot2 §3.3',
    breaches: ({ segments }) => breachIf(!isFlatCode(segments.cs), () => segmentText('cs', segments.cs)),
  },
  {
    name: 'data-segments',
    demands: 'DS, ES, FS, GS and SS are 32-bit read/write data segments with offset 0 and limit 0xffffffff',
    source: 'Multiboot2 §3.3',
    breaches: ({ segments }) =>
      DATA_SEGMENTS.filter((name) => !isFlatData(segments[name])).map((name) =>
        segmentText(name, segments[name]),
      ),
  },
  {
    name: 'paging-off',
    demands: 'CR0.PG is cleared',
    source: 'Multiboot2 §3.3',
    breaches: ({ cr0 }) => breachIf((cr0 & CR0_PG) !== 0n, () => `CR0 is ${hex(cr0)}`),
  },
  {
    name: 'virtual-8086-off',
    demands: 'EFLAGS.VM is cleared',
    source: 'Multiboot2 §3.3',
    breaches: ({ rflags }) => breachIf((rflags & FLAG_VM) !== 0n, () => `EFLAGS is ${hex(rflags)}`),
  },
  {
    name: 'interrupts-off',
    demands: 'EFLAGS.IF is cleared',
    source: 'Multiboot2 §3.3',
    breaches: ({ rflags }) => breachIf((rflags & FLAG_IF) !== 0n, () => `EFLAGS is ${hex(rflags)}`),
  },
];

const EFI64_RULES: readonly StateRule[] = [
  ...COMMON_RULES,
  {
    name: 'long-mode',
    demands: 'the CPU is in 64-bit mode: EFER.LME, EFER.LMA and CS.L set, CS.D cleared',
    source: 'UEFI 2.6 §2.3.4',
    breaches: ({ efer, segments: { cs } }) => {
      const is64 = (cs.flags & LONG) !== 0 && (cs.flags & DEFAULT_32) === 0;
      const isLong = (efer & EFER_LME) !== 0n && (efer & EFER_LMA) !== 0n;
      return breachIf(!is64 || !isLong, () => `EFER is ${hex(efer)}, ${segmentText('cs', cs)}`);
    },
  },
  {
    name: 'paging-on',
    demands: 'paging is enabled, with CR4.PAE',
    source: 'UEFI 2.6 §2.3.4, SDM 3A §4.1.1',
    breaches: ({ cr0, cr4 }) =>
      breachIf((cr0 & CR0_PG) === 0n || (cr4 & CR4_PAE) === 0n, () => `CR0 is ${hex(cr0)}, CR4 ${hex(cr4)}`),
  },
  {
    name: 'flat-selectors',
    demands: 'selectors are set to be flat',
    source: 'UEFI 2.6 §2.3.4',
    breaches: ({ segments }) =>
      (['cs', ...DATA_SEGMENTS] as const)
        .filter((name) => segments[name].base !== 0n || segments[name].limit !== WHOLE_LIMIT)
        .map((name) => segmentText(name, segments[name])),
  },
  {
    name: 'interrupts-on',
    demands: 'interrupts are enabled, though only the timer of boot services is served',
    source: 'UEFI 2.6 §2.3.4',
    breaches: ({ rflags }) => breachIf((rflags & FLAG_IF) === 0n, () => `RFLAGS is ${hex(rflags)}`),
  },
  {
    name: 'direction-up',
    demands: 'the direction flag is clear',
    source: 'UEFI 2.6 §2.3.4',
    breaches: ({ rflags }) => breachIf((rflags & FLAG_DF) !== 0n, () => `RFLAGS is ${hex(rflags)}`),
  },
  {
    name: 'stack-aligned',
    demands:
      'the stack pointer is a multiple of 16: the image is jumped to, no return address is on the stack',
    source: 'UEFI 2.6 §2.3.4, GRUB commit 4e5414b2a',
    breaches: ({ general }) => {
      const pointer = register(general, 'rsp');
      return breachIf(pointer === 0n || pointer % STACK_ALIGNMENT !== 0n, () => shown(general, 'rsp'));
    },
  },
  {
    name: 'interrupt-table',
    demands: 'GDTR and IDTR are the firmware’s own while its interrupts are enabled',
    source: 'UEFI 2.6 §2.3.4',
    breaches: ({ gdtr, idtr }) =>
      breachIf(
        gdtr.limit === 0 || idtr.limit === 0,
        () => `GDTR limit ${gdtr.limit}, IDTR limit ${idtr.limit}`,
      ),
  },
  {
    name: 'floating-point',
    demands: `CR0.EM and CR0.TS are zero, the control words are ${hex(INITIAL_FCW, 1)} and ${hex(INITIAL_MXCSR, 1)}`,
    source: 'UEFI 2.6 §2.3.4',
    breaches: ({ cr0, fcw = INITIAL_FCW, mxcsr = INITIAL_MXCSR }) =>
      breachIf(
        (cr0 & (CR0_EM | CR0_TS)) !== 0n || fcw !== INITIAL_FCW || mxcsr !== INITIAL_MXCSR,
        () => `CR0 is ${hex(cr0)}, FCW ${hex(fcw, 1)}, MXCSR ${hex(mxcsr, 1)}`,
      ),
  },
];

export const MACHINE_STATE_RULES: Readonly<Record<EntryKind, readonly StateRule[]>> = {
  multiboot32: MULTIBOOT32_RULES,
  efi64: EFI64_RULES,
};

/** One finding for each rule of this kind of entry that applies. */
export function checkMachineState(state: MachineState, entry: EntryKind): RuleFinding[] {
  return judge(MACHINE_STATE_RULES[entry], state);
}

function register(general: MachineState['general'], name: string): bigint {
  return general[name] ?? 0n;
}

function shown(general: MachineState['general'], name: string): string {
  return `${name.toUpperCase()} is ${hex(register(general, name))}`;
}

function isFlatCode(segment: SegmentState): boolean {
  return isFlat32(segment) && has(segment, DESCRIPTOR.code);
}

function isFlatData(segment: SegmentState): boolean {
  return isFlat32(segment) && !has(segment, DESCRIPTOR.code);
}

/** Bit 9 is "readable" of code and "writable" of data: both are asked for. */
function isFlat32(segment: SegmentState): boolean {
  const bits = DESCRIPTOR.present | DESCRIPTOR.system | DESCRIPTOR.readWrite | DEFAULT_32;
  return has(segment, bits) && !has(segment, LONG) && segment.base === 0n && segment.limit === WHOLE_LIMIT;
}

function has({ flags }: SegmentState, bits: number): boolean {
  return (flags & bits) === bits;
}

function segmentText(name: string, { selector, base, limit, flags }: SegmentState): string {
  return `${name.toUpperCase()} is ${hex(selector, 4)} with base ${hex(base)}, limit ${hex(limit)}, flags ${hex(flags)}`;
}
