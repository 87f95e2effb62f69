/**
 * The CPU as QEMU's human monitor shows it (`info registers`): mode, program counter, stack, what it waits for.
 * Source of the format: QEMU target/i386/cpu-dump.c; of the bits: Intel SDM volume 3A §2.5, volume 1 §3.4.3.
 */

/** The code segment's hidden part as HMP shows it: `CS =0008 00000000 ffffffff 00c09b00 DPL=0 CS32 [-RA]`. */
export interface CodeSegment {
  readonly base: bigint;
  readonly bitness: 16 | 32 | 64;
}

export interface CpuState extends CodeSegment {
  /** Linear address of the next instruction: the code segment's base + the instruction pointer. */
  readonly pc: bigint;
  /** As in the register, without its segment's base. */
  readonly stackPointer: bigint;
  readonly interrupts: boolean;
  readonly halted: boolean;
  readonly paging: boolean;
  /** Where the last page fault was. */
  readonly faultAddress: bigint;
  /** General and control registers by their names there, in hexadecimal. */
  readonly registers: Readonly<Record<string, string>>;
}

const LONG = 1 << 21;
const DEFAULT_32 = 1 << 22;
const LONG_MODE_ACTIVE = 0x400n;
const INTERRUPT_FLAG = 0x200n;
const PAGING = 0x8000_0000n;

export function parseCodeSegment(registersText: string): CodeSegment | undefined {
  const match = /^CS =[0-9a-f]+ ([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)/m.exec(registersText);
  if (!match) return undefined;
  const flags = Number.parseInt(match[2] ?? '0', 16);
  const longMode = /^EFER=([0-9a-f]+)/m.exec(registersText)?.[1];
  const isLong =
    (flags & LONG) !== 0 && longMode !== undefined && (BigInt(`0x${longMode}`) & LONG_MODE_ACTIVE) !== 0n;
  return {
    base: BigInt(`0x${match[1] ?? '0'}`),
    bitness: isLong ? 64 : (flags & DEFAULT_32) !== 0 ? 32 : 16,
  };
}

const REGISTER =
  /(?<![A-Z0-9])([ER](?:AX|BX|CX|DX|SI|DI|BP|SP|IP)|R\d+ ?|[ER]FL|CR[0234]|EFER|HLT)=([0-9a-f]+)/g;

/** @returns undefined where the text is not what a monitor prints of an x86 CPU. */
export function parseCpuState(registersText: string): CpuState | undefined {
  const segment = parseCodeSegment(registersText);
  const registers: Record<string, string> = {};
  for (const [, name, value] of registersText.matchAll(REGISTER)) registers[name!.trim()] ??= value!;
  const value = (...names: string[]) => {
    const text = names.map((name) => registers[name]).find((found) => found !== undefined);
    return text === undefined ? undefined : BigInt(`0x${text}`);
  };
  const [pointer, stackPointer, flags] = [value('RIP', 'EIP'), value('RSP', 'ESP'), value('RFL', 'EFL')];
  if (!segment || pointer === undefined || stackPointer === undefined || flags === undefined)
    return undefined;
  const { HLT, ...shown } = registers;
  return {
    ...segment,
    pc: segment.base + pointer,
    stackPointer,
    interrupts: (flags & INTERRUPT_FLAG) !== 0n,
    halted: HLT === '1',
    paging: ((value('CR0') ?? 0n) & PAGING) !== 0n,
    faultAddress: value('CR2') ?? 0n,
    registers: shown,
  };
}

/** e.g. `32-bit, paging off, interrupts off`. */
export function modeText({ bitness, paging, interrupts }: CpuState): string {
  return `${bitness}-bit, paging ${paging ? 'on' : 'off'}, interrupts ${interrupts ? 'on' : 'off'}`;
}
