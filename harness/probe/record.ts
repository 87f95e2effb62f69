/**
 * The probe's record: what specimens/probe says on COM1, and what of it is believed.
 *
 * Format, version 1. Lines end in CR LF on the wire; a blank one comes first, so that the record begins a line. Every
 * line has at most 79 characters, begins with `probe `, and is one word, then fields `name=value`, each a single space
 * apart. Every number is lower-case hexadecimal without `0x`, in a fixed number of digits (below: that many x; W is 8
 * digits at the 32-bit entry and 16 at the EFI amd64 entry). In this order:
 *
 *     probe 1 begin entry=multiboot32|efi64 variant=xxxx
 *     probe image run=xxxxxxxx link=xxxxxxxx          physical addresses of the image's first byte: where it is, was linked
 *     probe general ax=W bx=W cx=W                    all at entry; flags before interrupts were turned off
 *     probe general dx=W si=W di=W
 *     probe general bp=W sp=W flags=W
 *     probe general r8=W r9=W r10=W                   efi64 only, likewise the next two
 *     probe general r11=W r12=W r13=W
 *     probe general r14=W r15=W
 *     probe selectors cs=xxxx ds=xxxx es=xxxx fs=xxxx gs=xxxx ss=xxxx
 *     probe gdt base=W limit=xxxx
 *     probe idt base=W limit=xxxx
 *     probe memory a20=x stack=x                      a20: 1 is enabled; stack: the stack pointer modulo 16
 *     probe control cr0=W cr3=W cr4=W
 *     probe efer value=xxxxxxxxxxxxxxxx               only where CPUID says that there is long mode
 *     probe segment x run=xxxxxxxx link=xxxxxxxx size=xxxxxxxx crc32=xxxxxxxx     in the order of the program headers:
 *     probe bss x size=xxxxxxxx nonzero=xxxxxxxx      its part from the file as seen in memory, then the bytes of the rest
 *     probe information address=W size=xxxxxxxx shown=xxxxxxxx    size: as it says itself; shown: at most 64 KiB of it
 *     probe i xxxx …                                  offset, then 32 bytes as 64 digits; the last line may have fewer
 *     probe 1 end lines=xxxx crc32=xxxxxxxx
 *
 * `lines` counts the lines before the end line, from the begin line on. `crc32` is the CRC-32 of IEEE 802.3, as zlib has
 * it, over the text of exactly these lines with one \n between two of them (none after the last).
 * Where EAX did not hold the Multiboot2 magic, EBX is not followed: size and shown are 0.
 */

/** Begins a record of any version. */
export const PROBE_BEGIN = /^probe (\d{1,9}) begin /;
/** Ends it. Captures: version, lines, CRC-32. */
export const PROBE_END = /^probe (\d{1,9}) end lines=([0-9a-f]{4}) crc32=([0-9a-f]{8})$/;

export const PROBE_VERSION = 1;
/** Of the boot information; what is beyond is not in the record. */
export const MAX_INFORMATION_BYTES = 0x1_0000;

/** `multiboot32`: the ELF entry, in 32-bit mode; `efi64`: header tag 9's, in 64-bit mode with boot services alive. */
export type ProbeEntry = 'multiboot32' | 'efi64';

export type LegacyRegister = 'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rbp' | 'rsp';
export type ExtendedRegister = 'r8' | 'r9' | 'r10' | 'r11' | 'r12' | 'r13' | 'r14' | 'r15';
export type SegmentSelector = 'cs' | 'ds' | 'es' | 'fs' | 'gs' | 'ss';

/** GDTR or IDTR. */
export interface DescriptorTable {
  readonly base: bigint;
  readonly limit: number;
}

/** One PT_LOAD segment as the probe found it, before it wrote there. Physical addresses. */
export interface ProbeSegment {
  readonly run: number;
  readonly link: number;
  readonly filesz: number;
  readonly memsz: number;
  /** CRC-32 of its `filesz` bytes; the probe's own scratch memory counts as the zeros that it is in the file. */
  readonly crc32: number;
  /** Bytes between `filesz` and `memsz` that were not zero. */
  readonly nonzeroBss: number;
}

/** Everything the probe says; 32-bit registers are zero-extended. */
export interface ProbeRecord {
  readonly entry: ProbeEntry;
  /** The build's flags: harness/specimen/probe-variants.ts has the bits. */
  readonly variant: number;
  /** Physical address of the image's first byte. */
  readonly runBase: number;
  readonly linkBase: number;
  /** At entry. r8 to r15 only with `efi64`. */
  readonly registers: Readonly<Record<LegacyRegister, bigint>> &
    Readonly<Partial<Record<ExtendedRegister, bigint>>>;
  /** RFLAGS at entry. */
  readonly flags: bigint;
  readonly selectors: Readonly<Record<SegmentSelector, number>>;
  readonly gdtr: DescriptorTable;
  readonly idtr: DescriptorTable;
  readonly a20: boolean;
  /** The stack pointer at entry, modulo 16. */
  readonly stackModulo: number;
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  /** Absent on a CPU without long mode. */
  readonly efer: bigint | undefined;
  /** In the order of the program headers. */
  readonly segments: readonly ProbeSegment[];
  /** EBX or RBX: where the boot information stood. */
  readonly informationAddress: bigint;
  /** What its first field says; more than `information` has where that was cut at 64 KiB. */
  readonly informationSize: number;
  readonly information: Uint8Array;
}

/**
 * `absent`: nobody spoke, or only plain text that is not the probe's. `garbage`: noise, or the probe's words without a
 * record. `cut`: it begins and does not end, or the other way round. `checksum`: its text is not what was sent.
 * `malformed`: as sent, but no record. `several`: more than one.
 */
export type ProbeFault = 'absent' | 'garbage' | 'cut' | 'checksum' | 'malformed' | 'several';

export type ProbeReading =
  | { readonly kind: 'record'; readonly record: ProbeRecord }
  | { readonly kind: ProbeFault; readonly detail: string };
