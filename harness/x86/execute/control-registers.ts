/** MOV to and from CRn and DRn, CLTS, LMSW, SMSW, XGETBV, XSETBV (SDM 3A §2.5, §9.8, 2A, 2B). */
import { isLong } from '../state/segment-attributes.ts';
import { ATTRIBUTES, CR0, CR2, CR3, CR4, CS, EFER, GENERAL, segmentWord } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { generalProtection, invalidOpcode } from './guest-fault.ts';
import type { Build, Family } from './operation.ts';
import { memoryPlace, placeOf } from './places.ts';
import { requirePrivilege } from './stack.ts';
import { ModelStop } from './stop.ts';

const [PE, MP, EM, TS, ET, NW, CD, PG] = [1, 2, 4, 8, 0x10, 1 << 29, 1 << 30, 1 << 31];
const [PAE, LA57, PCIDE, OSXSAVE, CR4_DE] = [1 << 5, 1 << 12, 1 << 17, 1 << 18, 1 << 3];
/** Bits that are defined (SDM 3A §2.5). */
const CR4_KNOWN = 0x03f7_7fff;
const [LME, LMA] = [1 << 8, 1 << 10];

/** @throws GuestFault: #GP(0) for a combination that no processor takes */
function writeCr0(cpu: Cpu, low: number, high: number): void {
  const { words } = cpu;
  const next = low | ET;
  const isOn = (bits: number) => (next & bits) !== 0;
  if (high !== 0 || (isOn(PG) && !isOn(PE)) || (isOn(NW) && !isOn(CD))) throw generalProtection();
  const changed = words[CR0]! ^ next;
  if ((changed & PG) !== 0) switchPaging(cpu, isOn(PG));
  words[CR0] = next;
  cpu.systemChanged();
}

/** Long mode begins and ends with paging (SDM 3A §9.8.5). */
function switchPaging({ words }: Cpu, isOn: boolean): void {
  const is64BitCode = isLong(words[segmentWord(CS) + ATTRIBUTES]!);
  if (isOn) {
    if ((words[EFER]! & LME) === 0) return;
    if ((words[CR4]! & PAE) === 0 || is64BitCode) throw generalProtection();
    words[EFER] = words[EFER]! | LMA;
    return;
  }
  const isLongMode = (words[EFER]! & LMA) !== 0;
  if ((isLongMode && is64BitCode) || (words[CR4]! & PCIDE) !== 0) throw generalProtection();
  words[EFER] = words[EFER]! & ~LMA;
}

function writeCr3(cpu: Cpu, low: number, high: number): void {
  const { words } = cpu;
  // Bit 63 asks to keep translations; it is not stored (SDM 2B, MOV to CR3).
  const kept = (words[CR4]! & PCIDE) !== 0 ? high & 0x7fff_ffff : high;
  if ((kept & 0xfff0_0000) !== 0) throw generalProtection();
  words[CR3] = low;
  words[CR3 + 1] = kept;
  cpu.systemChanged();
}

function writeCr4(cpu: Cpu, low: number, high: number): void {
  const { words } = cpu;
  const { isLongMode } = cpu;
  const setsPcid = (low & ~words[CR4]! & PCIDE) !== 0;
  const isWrong =
    high !== 0 ||
    (low & ~CR4_KNOWN) !== 0 ||
    (isLongMode && (low & PAE) === 0) ||
    (isLongMode && ((low ^ words[CR4]!) & LA57) !== 0) ||
    (setsPcid && (!isLongMode || (words[CR3]! & 0xfff) !== 0));
  if (isWrong) throw generalProtection();
  if ((low & LA57) !== 0) throw new ModelStop({ kind: 'unsupported', what: 'paging with five levels' });
  words[CR4] = low;
  cpu.systemChanged();
}

interface ControlRegister {
  /** @returns the low word; the high one is in `cpu.high`. */
  readonly read: (cpu: Cpu) => number;
  readonly write: (cpu: Cpu, low: number, high: number) => void;
}

const narrow =
  (word: number) =>
  (cpu: Cpu): number => {
    cpu.high = 0;
    return cpu.words[word]!;
  };
const wide =
  (word: number) =>
  (cpu: Cpu): number => {
    cpu.high = cpu.words[word + 1]!;
    return cpu.words[word]!;
  };

const CONTROL_REGISTERS: Readonly<Record<string, ControlRegister>> = {
  cr0: { read: narrow(CR0), write: writeCr0 },
  cr2: {
    read: wide(CR2),
    write: ({ words }, low, high) => {
      words[CR2] = low;
      words[CR2 + 1] = high;
    },
  },
  cr3: { read: wide(CR3), write: writeCr3 },
  cr4: { read: narrow(CR4), write: writeCr4 },
  cr8: {
    read: (cpu) => {
      cpu.high = 0;
      return cpu.hidden.taskPriority;
    },
    write: (cpu, low, high) => {
      if (high !== 0 || (low & ~0xf) !== 0) throw generalProtection();
      cpu.hidden.taskPriority = low;
    },
  },
};

const ALWAYS_SET = [0xffff_0ff0, 0x400];

/** DR4 and DR5 are other names of DR6 and DR7 while CR4.DE is clear. Breakpoints are kept, never met. */
function debugRegister(index: number): ControlRegister {
  const check = (cpu: Cpu): number => {
    if (index !== 4 && index !== 5) return index * 2;
    if ((cpu.words[CR4]! & CR4_DE) !== 0) throw invalidOpcode();
    return (index + 2) * 2;
  };
  return {
    read: (cpu) => {
      const at = check(cpu);
      cpu.high = cpu.hidden.debug[at + 1]!;
      return cpu.hidden.debug[at]!;
    },
    write: (cpu, low, high) => {
      const at = check(cpu);
      if (at >= 12 && high !== 0) throw generalProtection();
      cpu.hidden.debug[at] = at >= 12 ? low | ALWAYS_SET[at / 2 - 6]! : low;
      cpu.hidden.debug[at + 1] = high;
    },
  };
}

function systemRegister(name: string): ControlRegister | undefined {
  const debug = /^dr([0-7])$/.exec(name);
  return debug ? debugRegister(Number(debug[1])) : CONTROL_REGISTERS[name];
}

const move: Build = ({ operands: [to, from] }, { bitness }) => {
  if (to?.kind !== 'register' || from?.kind !== 'register') return undefined;
  const target = systemRegister(to.register);
  const source = systemRegister(from.register);
  const place = placeOf(target ? from : to, bitness);
  if (!place) return undefined;
  if (target)
    return (cpu) => {
      requirePrivilege(cpu);
      const low = place.read(cpu);
      target.write(cpu, low, place.size === 8 ? cpu.high : 0);
    };
  if (!source) return undefined;
  return (cpu) => {
    requirePrivilege(cpu);
    const low = source.read(cpu);
    place.write(cpu, low, cpu.high);
  };
};

const loadStatusWord: Build = ({ operands: [from] }, { bitness }) => {
  const place = from?.kind === 'memory' ? memoryPlace(from, bitness, 2) : placeOf(from, bitness);
  return (
    place &&
    ((cpu) => {
      requirePrivilege(cpu);
      const cr0 = cpu.words[CR0]!;
      // PE can be set, not cleared.
      writeCr0(cpu, (cr0 & ~(MP | EM | TS)) | (place.read(cpu) & (PE | MP | EM | TS)), 0);
    })
  );
};

const storeStatusWord: Build = ({ operands: [to] }, { bitness }) => {
  const place = to?.kind === 'memory' ? memoryPlace(to, bitness, 2) : placeOf(to, bitness);
  return place && ((cpu) => place.write(cpu, cpu.words[CR0]!, 0));
};

const [RAX, RCX, RDX] = [GENERAL, GENERAL + 2, GENERAL + 4];

/** XCR0 is the only one there is. */
function requireExtended({ words }: Cpu): void {
  if ((words[CR4]! & OSXSAVE) === 0) throw invalidOpcode();
  if (words[RCX] !== 0) throw generalProtection();
}

export const CONTROL_REGISTER_FAMILY: Family = {
  mov: move,
  clts: () => (cpu) => {
    requirePrivilege(cpu);
    cpu.words[CR0] = cpu.words[CR0]! & ~TS;
  },
  lmsw: loadStatusWord,
  smsw: storeStatusWord,
  xgetbv: () => (cpu) => {
    requireExtended(cpu);
    cpu.words.set([cpu.hidden.extendedFeatures, 0], RAX);
    cpu.words.set([0, 0], RDX);
  },
  xsetbv: () => (cpu) => {
    requireExtended(cpu);
    requirePrivilege(cpu);
    // x87 state is always on; AVX needs SSE (SDM 1 §13.3).
    const low = cpu.words[RAX]!;
    if (cpu.words[RDX] !== 0 || (low & 1) === 0 || (low & 6) === 4) throw generalProtection();
    cpu.hidden.extendedFeatures = low;
  },
};
