/** A boot of a few instructions of our own as a list of records that a test may spoil, and the trace made from them. */
import { digestOf } from '../trace-image.ts';
import type { MemoryCause, MemoryDigest, MemoryRun } from '../../trace/record.ts';
import type { TraceHeader } from '../../trace/trace-header.ts';
import { HEADER, traceOf } from '../../trace/testdata/trace-builder.ts';
import { TraceReader } from '../../trace/trace-reader.ts';
import type { Disassembler } from '../../x86/disassembler.ts';
import { CodeCache } from '../../x86/execute/code-cache.ts';
import { CodeStore } from '../../x86/execute/code-store.ts';
import { Cpu } from '../../x86/execute/cpu.ts';
import { TCG } from '../../x86/execute/habits.ts';
import { step } from '../../x86/execute/step.ts';
import { flatState } from '../../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../../x86/memory/physical-memory.ts';
import { writeField } from '../../x86/state/state-layout.ts';

export type SmallRecord =
  | { kind: 'step' | 'input'; words: Int32Array }
  | { kind: 'repeat'; words: Int32Array; iterations: number }
  | { kind: 'excursion'; words: Int32Array; changed: MemoryRun[] }
  | { kind: 'memory'; runs: MemoryRun[]; cause: MemoryCause }
  | { kind: 'digest'; digests: MemoryDigest[] };

export interface SmallBoot {
  readonly initial: Int32Array;
  readonly records: SmallRecord[];
  /** The image file: the code alone. */
  readonly image: Uint8Array;
}

export const CODE_BASE = 0x1000;
const MEMORY_BYTES = 0x200;
const INPUTS = new Set(['cpuid', 'rdtsc', 'in', 'rdmsr']);

/** Hexadecimal digits; spaces and what follows a semicolon on its line are ignored. */
export const code = (text: string): Buffer =>
  Buffer.from(text.replaceAll(/;.*$/gm, '').replaceAll(/\s/g, ''), 'hex');

export const run = (address: number, hex: string): MemoryRun => ({ address, bytes: code(hex) });

/**
 * Flat 32-bit code at {@link CODE_BASE} as the model executes it until HLT; what it is told from outside is 0.
 * @param state fields by name, beside EIP and ESP (0x3000)
 */
export function smallBoot(
  disassembler: Disassembler,
  text: string,
  state: Readonly<Record<string, bigint>> = {},
): SmallBoot {
  const image = code(text);
  const memory = new PhysicalMemory('zero');
  memory.load(CODE_BASE, image);
  const cpu = new Cpu(memory, undefined, TCG);
  const initial = flatState(32);
  for (const [name, value] of Object.entries({ rip: BigInt(CODE_BASE), rsp: 0x3000n, ...state }))
    writeField(initial, name, value);
  cpu.load(initial);
  const cache = new CodeCache(new CodeStore(disassembler));
  const records: SmallRecord[] = [];
  for (;;) {
    const mnemonic = cache.block(cpu, 1).instructions[0]?.instruction.mnemonic ?? '';
    const before = cpu.state();
    if (step(cpu, cache)) return { initial, records, image };
    const words = cpu.state();
    const isRepeat = /^(movs|stos|lods|cmps|scas)/.test(mnemonic) && before[2] !== words[2];
    if (isRepeat) records.push({ kind: 'repeat', words, iterations: before[2]! - words[2]! });
    else records.push({ kind: INPUTS.has(mnemonic) ? 'input' : 'step', words });
  }
}

/** @param linkBase where it says that the image was linked */
export function headerOf(image: Uint8Array, linkBase = CODE_BASE): TraceHeader {
  return {
    ...HEADER,
    instance: 'small~boot',
    subject: {
      ...{ name: 'small', imageSha256: digestOf(image), imageSizeBytes: image.length, changes: [] },
      ...{ linkBase, loadBase: CODE_BASE },
      segments: [
        {
          physicalAddress: CODE_BASE,
          imageOffset: 0,
          fileSizeBytes: image.length,
          memorySizeBytes: MEMORY_BYTES,
        },
      ],
    },
    inside: [{ start: BigInt(CODE_BASE), end: BigInt(CODE_BASE + MEMORY_BYTES), what: 'the code' }],
  };
}

export interface FileOptions {
  /** Whether the image is put into it. */
  readonly embed?: boolean;
  readonly instance?: string;
  readonly linkBase?: number;
}

export function fileOf(
  { initial, records, image }: SmallBoot,
  { embed = false, instance = 'small~boot', linkBase = CODE_BASE }: FileOptions = {},
): Promise<Uint8Array> {
  return traceOf(
    (writer) => {
      for (const record of records) {
        if (record.kind === 'memory') writer.memory(record.runs, record.cause);
        else if (record.kind === 'digest') writer.digest(record.digests);
        else if (record.kind === 'excursion') writer.excursion(record.words, record.changed);
        else if (record.kind === 'repeat') writer.repeat(record.words, record.iterations);
        else writer[record.kind](record.words);
      }
    },
    { initial, header: { ...headerOf(image, linkBase), instance }, ...(embed ? { image } : {}) },
  );
}

export async function traceOfBoot(boot: SmallBoot, options?: FileOptions): Promise<TraceReader> {
  return new TraceReader(await fileOf(boot, options));
}
