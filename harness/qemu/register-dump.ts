/**
 * What QEMU's human monitor prints for `info registers`, as values, hidden parts of segments included.
 * Source of the format: QEMU 7.2 target/i386/cpu-dump.c; a CPU outside 64-bit mode is shown with its 32-bit names.
 */

/** A segment register with its hidden part. */
export interface DumpedSegment {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity applied. */
  readonly limit: number;
  /** The descriptor's second doubleword without base and limit (SDM 3A §3.4.5): `0x00cf9a00`. */
  readonly flags: number;
}

/** GDTR or IDTR. */
export interface DumpedTable {
  readonly base: bigint;
  readonly limit: number;
}

export interface RegisterDump {
  /** By their 64-bit names, lower case: `rax` … `r15`, `rip`; upper halves are 0 outside 64-bit mode. */
  readonly general: Readonly<Record<string, bigint>>;
  readonly rflags: bigint;
  readonly segments: Readonly<Record<'es' | 'cs' | 'ss' | 'ds' | 'fs' | 'gs', DumpedSegment>>;
  readonly gdtr: DumpedTable;
  readonly idtr: DumpedTable;
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** Undefined where the dump does not say. */
  readonly a20: boolean | undefined;
  /** x87 control word and MXCSR. */
  readonly fcw: number | undefined;
  readonly mxcsr: number | undefined;
}

/** The text is not what QEMU prints of an x86 CPU. */
export class RegisterDumpError extends Error {
  override readonly name = 'RegisterDumpError';
  constructor(missing: string) {
    super(`no ${missing} in what the monitor printed; ask it for "info registers" of an x86 machine`);
  }
}

const GENERAL = /(?<![A-Z0-9])([ER])(AX|BX|CX|DX|SI|DI|BP|SP|IP)=([0-9a-f]+)/g;
const NUMBERED = /(?<![A-Z0-9])R(8|9|1[0-5]) ?=([0-9a-f]+)/g;

/** @throws RegisterDumpError where a register is missing. */
export function parseRegisterDump(text: string): RegisterDump {
  const named = [...text.matchAll(GENERAL)].map(
    ([, , name, value]) => [`r${name!.toLowerCase()}`, BigInt(`0x${value!}`)] as const,
  );
  const numbered = [...text.matchAll(NUMBERED)].map(
    ([, number, value]) => [`r${number!}`, BigInt(`0x${value!}`)] as const,
  );
  const general = Object.fromEntries([...named, ...numbered]);
  for (const name of ['rax', 'rbx', 'rsp', 'rip'])
    if (general[name] === undefined) throw new RegisterDumpError(name.toUpperCase());
  return {
    general,
    rflags: needed(text, '[RE]FL'),
    segments: {
      es: segment(text, 'ES'),
      cs: segment(text, 'CS'),
      ss: segment(text, 'SS'),
      ds: segment(text, 'DS'),
      fs: segment(text, 'FS'),
      gs: segment(text, 'GS'),
    },
    gdtr: table(text, 'GDT'),
    idtr: table(text, 'IDT'),
    cr0: needed(text, 'CR0'),
    cr2: needed(text, 'CR2'),
    cr3: needed(text, 'CR3'),
    cr4: needed(text, 'CR4'),
    efer: needed(text, 'EFER'),
    a20: flag(text, 'A20'),
    fcw: optional(text, 'FCW'),
    mxcsr: optional(text, 'MXCSR'),
  };
}

function value(text: string, name: string): bigint | undefined {
  const found = new RegExp(`(?<![A-Z0-9])${name}=([0-9a-f]+)`).exec(text)?.[1];
  return found === undefined ? undefined : BigInt(`0x${found}`);
}

function needed(text: string, name: string): bigint {
  const found = value(text, name);
  if (found === undefined) throw new RegisterDumpError(name);
  return found;
}

function optional(text: string, name: string): number | undefined {
  const found = value(text, name);
  return found === undefined ? undefined : Number(found);
}

function flag(text: string, name: string): boolean | undefined {
  const found = value(text, name);
  return found === undefined ? undefined : found !== 0n;
}

/** `CS =0010 00000000 ffffffff 00cf9a00 DPL=0 CS32 [-R-]` */
function segment(text: string, name: string): DumpedSegment {
  const match = new RegExp(`^${name} =([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)`, 'm').exec(text);
  if (!match) throw new RegisterDumpError(name);
  const [selector = '', base = '', limit = '', flags = ''] = match.slice(1);
  return {
    selector: Number.parseInt(selector, 16),
    base: BigInt(`0x${base}`),
    limit: Number.parseInt(limit, 16),
    flags: Number.parseInt(flags, 16),
  };
}

/** `GDT=     000010b0 00000020` */
function table(text: string, name: string): DumpedTable {
  const match = new RegExp(`^${name}= +([0-9a-f]+) ([0-9a-f]+)`, 'm').exec(text);
  if (!match) throw new RegisterDumpError(name);
  return { base: BigInt(`0x${match[1] ?? ''}`), limit: Number.parseInt(match[2] ?? '', 16) };
}
