/** CPUID, time, model-specific registers, ports, HLT, CLI, STI, caches, FS and GS bases. */
import { FLAG } from '../state/flags.ts';
import { BASE, CR0, CR4, EFER, FS, GENERAL, GS, RFLAGS, segmentWord } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { generalProtection, invalidOpcode } from './guest-fault.ts';
import type { Build, Family, Operation } from './operation.ts';
import { placeOf, readerOf } from './places.ts';
import { readPort, writePort } from './ports.ts';
import { accessFlagChanged, requirePrivilege } from './stack.ts';
import { ModelStop } from './stop.ts';

const [RAX, RCX, RDX, RBX] = [GENERAL, GENERAL + 2, GENERAL + 4, GENERAL + 6];
const always =
  (operation: Operation): Build =>
  () =>
    operation;

const privileged = (operation: Operation): Build =>
  always((cpu) => {
    requirePrivilege(cpu);
    operation(cpu);
  });

/** A register of 32 bits: the upper half is cleared. */
function put({ words }: Cpu, word: number, value: number): void {
  words[word] = value;
  words[word + 1] = 0;
}

const identify: Operation = (cpu) => {
  const answer = new Int32Array(4);
  cpu.inputs.cpuid(cpu.words[RAX]!, cpu.words[RCX]!, answer);
  for (const [index, word] of [RAX, RBX, RCX, RDX].entries()) put(cpu, word, answer[index]!);
};

const TIME_DISABLE = 1 << 2;
const TSC_AUX = 0xc000_0103;

const readTime: Operation = (cpu) => {
  if ((cpu.words[CR4]! & TIME_DISABLE) !== 0 && cpu.privilege !== 0) throw generalProtection();
  const answer = new Int32Array(2);
  cpu.inputs.timestamp(answer);
  put(cpu, RAX, answer[0]!);
  put(cpu, RDX, answer[1]!);
};

const readTimeAndProcessor: Operation = (cpu) => {
  readTime(cpu);
  const answer = new Int32Array(2);
  cpu.inputs.readModelSpecific(TSC_AUX, answer);
  put(cpu, RCX, answer[0]!);
};

type Pair = readonly [low: number, high: number];

interface ModelSpecific {
  readonly read: (cpu: Cpu) => Pair | undefined;
  readonly write: (cpu: Cpu, low: number, high: number) => void;
}

const [LME, LMA] = [1 << 8, 1 << 10];
/** SCE, LME, NXE, SVME, LMSLE, FFXSR. */
const EFER_WRITABLE = 1 | LME | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14);

function writeEfer(cpu: Cpu, low: number, high: number): void {
  const { words } = cpu;
  const old = words[EFER]!;
  const isPaging = words[CR0]! < 0;
  if (high !== 0 || (low & ~(EFER_WRITABLE | LMA)) !== 0 || (isPaging && ((low ^ old) & LME) !== 0))
    throw generalProtection();
  words[EFER] = (low & EFER_WRITABLE) | (old & LMA);
  cpu.systemChanged();
}

function requireCanonical(high: number): void {
  if (high !== (high << 16) >> 16) throw generalProtection();
}

const baseRegister = (segment: number): ModelSpecific => {
  const word = segmentWord(segment) + BASE;
  return {
    read: ({ words }) => [words[word]!, words[word + 1]!],
    write: ({ words }, low, high) => {
      requireCanonical(high);
      words[word] = low;
      words[word + 1] = high;
    },
  };
};

/** Those that are part of the state; all others are the outside's. */
const MODEL_SPECIFIC = new Map<number, ModelSpecific>([
  [0xc000_0080, { read: ({ words }) => [words[EFER]!, 0], write: writeEfer }],
  [0xc000_0100, baseRegister(FS)],
  [0xc000_0101, baseRegister(GS)],
  [
    0xc000_0102,
    {
      read: ({ hidden }) => hidden.kernelGsBase,
      write: ({ hidden }, low, high) => {
        requireCanonical(high);
        hidden.kernelGsBase = [low, high];
      },
    },
  ],
]);

const readModelSpecific: Operation = (cpu) => {
  const index = cpu.words[RCX]! >>> 0;
  const answer = new Int32Array(2);
  const own = MODEL_SPECIFIC.get(index)?.read(cpu);
  if (own) answer.set(own);
  else cpu.inputs.readModelSpecific(index, answer);
  put(cpu, RAX, answer[0]!);
  put(cpu, RDX, answer[1]!);
};

const writeModelSpecific: Operation = (cpu) => {
  const { words } = cpu;
  const index = words[RCX]! >>> 0;
  const own = MODEL_SPECIFIC.get(index);
  if (own) own.write(cpu, words[RAX]!, words[RDX]!);
  else cpu.inputs.writeModelSpecific(index, words[RAX]!, words[RDX]!);
};

const swapBases: Operation = (cpu) => {
  const { words, hidden } = cpu;
  const word = segmentWord(GS) + BASE;
  if (!hidden.kernelGsBase)
    throw new ModelStop({ kind: 'unsupported', what: 'swapgs before its register was written' });
  const [low, high] = hidden.kernelGsBase;
  hidden.kernelGsBase = [words[word]!, words[word + 1]!];
  words[word] = low;
  words[word + 1] = high;
};

const FSGSBASE = 1 << 16;

const accessBase =
  (segment: number, way: 'read' | 'write'): Build =>
  ({ operands: [operand] }, { bitness }) => {
    const place = placeOf(operand, bitness);
    const base = baseRegister(segment);
    if (!place) return undefined;
    return (cpu) => {
      if ((cpu.words[CR4]! & FSGSBASE) === 0) throw invalidOpcode();
      if (way === 'read') return place.write(cpu, ...base.read(cpu)!);
      const low = place.read(cpu);
      base.write(cpu, low, place.size === 8 ? cpu.high : 0);
    };
  };

const input: Build = ({ operands: [to, port] }, { bitness }) => {
  const place = placeOf(to, bitness);
  const number = readerOf(port, bitness);
  if (!place || !number) return undefined;
  return (cpu) => place.write(cpu, readPort(cpu, number(cpu) & 0xffff, place.size), 0);
};

const output: Build = ({ operands: [port, from] }, { bitness }) => {
  const place = placeOf(from, bitness);
  const number = readerOf(port, bitness);
  if (!place || !number) return undefined;
  return (cpu) => writePort(cpu, number(cpu) & 0xffff, place.size, place.read(cpu));
};

/** The shadow of STI, one instruction without interrupts, does not show: no interrupts come from outside. */
const interruptFlag = (isOn: boolean): Operation => {
  return (cpu) => {
    const { words } = cpu;
    const isReal = (words[CR0]! & 1) === 0;
    if (!isReal && cpu.privilege > (words[RFLAGS]! & FLAG.iopl) >>> 12) throw generalProtection();
    words[RFLAGS] = isOn ? words[RFLAGS]! | FLAG.if : words[RFLAGS]! & ~FLAG.if;
  };
};

const accessControl = (isOn: boolean): Operation => {
  return (cpu) => {
    const { words } = cpu;
    if (cpu.privilege !== 0) throw invalidOpcode();
    words[RFLAGS] = isOn ? words[RFLAGS]! | FLAG.ac : words[RFLAGS]! & ~FLAG.ac;
    accessFlagChanged(cpu);
  };
};

const nothing = always(() => undefined);
const HINTS = [
  ...['lfence', 'mfence', 'sfence', 'prefetcht0', 'prefetcht1', 'prefetcht2', 'prefetchnta', 'prefetchw'],
];

export const SYSTEM_FAMILY: Family = {
  cpuid: always(identify),
  rdtsc: always(readTime),
  rdtscp: always(readTimeAndProcessor),
  rdmsr: privileged(readModelSpecific),
  wrmsr: privileged(writeModelSpecific),
  swapgs: privileged(swapBases),
  rdfsbase: accessBase(FS, 'read'),
  rdgsbase: accessBase(GS, 'read'),
  wrfsbase: accessBase(FS, 'write'),
  wrgsbase: accessBase(GS, 'write'),
  in: input,
  out: output,
  cli: always(interruptFlag(false)),
  sti: always(interruptFlag(true)),
  clac: always(accessControl(false)),
  stac: always(accessControl(true)),
  hlt: privileged(() => {
    throw new ModelStop({ kind: 'halted' });
  }),
  invlpg: privileged((cpu) => cpu.memory.flush()),
  invd: privileged(() => undefined),
  wbinvd: privileged(() => undefined),
  ...Object.fromEntries(HINTS.map((name) => [name, nothing])),
};
