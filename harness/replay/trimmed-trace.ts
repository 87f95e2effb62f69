/**
 * The same trace with no byte of memory that early boot does not read. A capture takes whole lines of 64 bytes, in which
 * there may be anything: leftovers of a loader's code beside the data it handed over.
 */
import CRC32 from 'crc-32';
import { hex } from '../bits/hex.ts';
import {
  DIGEST,
  END,
  EXCURSION,
  INPUT,
  MEMORY,
  type MemoryRun,
  type RecordKind,
  REPEAT,
  type TraceTotals,
} from '../trace/record.ts';
import type { TraceSink } from '../trace/ordered-sink.ts';
import type { StepCursor } from '../trace/step-cursor.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import { TraceWriter } from '../trace/trace-writer.ts';
import { CodeCache } from '../x86/execute/code-cache.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { GuestFault } from '../x86/execute/guest-fault.ts';
import { step } from '../x86/execute/step.ts';
import { ModelStop, type StopReason } from '../x86/execute/stop.ts';
import type { ExecutableInstruction } from '../x86/instruction.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import { agrees } from './comparison.ts';
import { type ByteRange, joinedRuns, rangesThatAre } from './known-runs.ts';
import { habitsOf, memoryWithImage } from './loaded-memory.ts';
import { MissingInputError, RecordedInputs } from './recorded-inputs.ts';

/** The model and the trace part: replay it first. */
export class UntrimmableTraceError extends Error {
  override readonly name = 'UntrimmableTraceError';
  constructor(step: number, why: string) {
    super(`step ${step}: ${why}; only a trace that replays without a divergence can be trimmed`);
  }
}

/**
 * @param image the image file's bytes; it is not embedded in what is written
 * @throws UntrimmableTraceError, TraceError, and what the sink throws
 */
export async function writeTrimmed(
  trace: TraceReader,
  image: Uint8Array,
  store: CodeStore,
  sink: TraceSink,
): Promise<TraceTotals> {
  return new Trimmer(trace, image, store, sink).run(trace.ending?.why ?? 'its recording was cut short');
}

class Trimmer {
  readonly #cursor: StepCursor;
  readonly #writer: TraceWriter;
  readonly #inputs: RecordedInputs;
  /** What was read so far, and what was stored. */
  readonly #cpu: Cpu;
  /** All that the trace says of memory. */
  readonly #there = new PhysicalMemory('unknown');
  readonly #code: CodeCache;
  #instruction: ExecutableInstruction | undefined;

  constructor(trace: TraceReader, image: Uint8Array, store: CodeStore, sink: TraceSink) {
    this.#cursor = trace.cursor();
    this.#writer = new TraceWriter(sink, trace.header, this.#cursor.words);
    this.#inputs = new RecordedInputs(this.#cursor.words);
    this.#cpu = new Cpu(memoryWithImage(trace.header, image), this.#inputs, habitsOf(trace.header));
    this.#cpu.load(this.#cursor.words);
    this.#code = new CodeCache(store);
  }

  async run(why: string): Promise<TraceTotals> {
    const cursor = this.#cursor;
    for (let kind = cursor.next(); kind !== END; kind = cursor.next())
      if (kind === MEMORY) this.#memory();
      else if (kind === DIGEST) this.#digest();
      else this.#step(kind);
    return this.#writer.end(why);
  }

  #memory(): void {
    const { memory, memoryCause } = this.#cursor;
    const { physical } = this.#cpu;
    for (const { address, bytes } of memory) this.#there.load(address, bytes);
    if (memoryCause === 'read') return;
    const changed = memory
      .flatMap(({ address, bytes }) => rangesThatAre('known', physical, { address, sizeBytes: bytes.length }))
      .map((range) => this.#bytesThere(range));
    for (const { address, bytes } of changed) physical.load(address, bytes);
    this.#writer.memory(changed, 'written');
  }

  #digest(): void {
    const { physical } = this.#cpu;
    const ranges = this.#cursor.digests.flatMap((range) => rangesThatAre('known', physical, range));
    this.#writer.digest(
      ranges.map(({ address, sizeBytes }) => ({
        ...{ address, sizeBytes },
        crc32: CRC32.buf(physical.read(address, sizeBytes)) >>> 0,
      })),
    );
  }

  #step(kind: RecordKind): void {
    const cpu = this.#cpu;
    const { words, iterations } = this.#cursor;
    const { bitness } = cpu;
    const before = cpu.words.slice(0, STATE_WORDS);
    this.#inputs.isThere = kind === INPUT;
    this.#writer.memory(this.#execute(), 'read');
    if (kind === EXCURSION) {
      this.#writer.excursion(words);
      cpu.resume(words);
      return;
    }
    const instruction = this.#instruction;
    if (!agrees(cpu, words, bitness, () => instruction && { instruction, before }))
      this.#fail('the model’s state is another than the recorded one');
    if (kind === REPEAT) this.#writer.repeat(words, iterations);
    else if (kind === INPUT) this.#writer.input(words);
    else this.#writer.step(words);
  }

  /** @returns what the instruction read and nobody had read before */
  #execute(): MemoryRun[] {
    const { physical: known } = this.#cpu;
    const runs: MemoryRun[] = [];
    for (;;) {
      const stopped = this.#stepOnce();
      if (!stopped) return joinedRuns(runs);
      if (stopped.kind !== 'unknown memory') this.#fail(`the model stopped (${stopped.kind})`);
      const { physical: address, sizeBytes } = stopped;
      for (const range of rangesThatAre('unknown', known, { address, sizeBytes })) {
        if (rangesThatAre('unknown', this.#there, range).length > 0)
          this.#fail(
            `it reads ${range.sizeBytes} bytes at ${hex(range.address)} that the trace does not hold`,
          );
        const run = this.#bytesThere(range);
        known.load(run.address, run.bytes);
        runs.push(run);
      }
    }
  }

  #stepOnce(): StopReason | undefined {
    this.#instruction = this.#instructionHere();
    try {
      return step(this.#cpu, this.#code);
    } catch (error) {
      if (error instanceof MissingInputError) return { kind: 'unsupported', what: error.message };
      throw error;
    }
  }

  /** Undefined where none can be fetched: executing it says why. */
  #instructionHere(): ExecutableInstruction | undefined {
    try {
      return this.#code.block(this.#cpu, 1).instructions[0]?.instruction;
    } catch (error) {
      if (error instanceof ModelStop || error instanceof GuestFault) return undefined;
      throw error;
    }
  }

  #bytesThere({ address, sizeBytes }: ByteRange): MemoryRun {
    return { address, bytes: this.#there.read(address, sizeBytes) };
  }

  #fail(why: string): never {
    throw new UntrimmableTraceError(this.#cursor.step, why);
  }
}
