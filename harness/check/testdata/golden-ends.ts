/** Where real boots of Xen end: the golden traces, run by the model, as far as the image that they were captured of is here. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageForTrace } from '../../cli/image-for-trace.ts';
import { FreeRun, outsideOf } from '../../replay/free-run.ts';
import { parseBootImage } from '../../subject/boot-image.ts';
import type { ImageSymbols } from '../../subject/image-symbols.ts';
import { TraceReader } from '../../trace/trace-reader.ts';
import { projectRoot } from '../../workdir/project-root.ts';
import { loadDisassembler } from '../../x86/disassembler.ts';
import { CodeStore } from '../../x86/execute/code-store.ts';
import type { MemorySnapshot, PhysicalMemory } from '../../x86/memory/physical-memory.ts';
import type { EndState } from '../end-state.ts';

export const BASES = [0x3e0_0000, 0x8000_0000] as const;
export type Firmware = 'bios' | 'efi';

export interface GoldenEnd extends EndState {
  readonly symbols: ImageSymbols;
  readonly image: { readonly linkBase: number; readonly loadSize: number };
}

let store: CodeStore | undefined;

/** @returns in words, why it is not there: Debian has updated what Xen is built from, or it was not built. */
export async function goldenEnd(firmware: Firmware, loadBase: number): Promise<GoldenEnd | string> {
  const name = `xen-early-boot~${firmware}~base-0x${loadBase.toString(16).padStart(8, '0')}.lbtrace`;
  const trace = new TraceReader(await readFile(join(projectRoot(), 'results', 'golden', name)));
  try {
    const { bytes, symbols } = await imageForTrace(trace, undefined);
    if (!symbols) return `no symbols are beside the image of ${name}`;
    store ??= new CodeStore(await loadDisassembler());
    const boot = new FreeRun(trace, outsideOf(trace), bytes, store);
    const { stopped } = boot.run();
    if (stopped) throw new Error(`${name} ends in the model: ${stopped.kind}`);
    const { linkBase, loadSize } = parseBootImage(bytes).loaded;
    const { cpu } = boot;
    return {
      ...{ loadBase, words: cpu.state(), memory: cpu.physical },
      ...{ symbols, image: { linkBase, loadSize } },
    };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'TraceImageError') throw error;
    return error.message;
  }
}

/** An end that is spoiled and mended again. */
export class SpoiltEnd {
  readonly #end: GoldenEnd;
  readonly #before: MemorySnapshot;
  words: Int32Array;

  constructor(end: GoldenEnd) {
    this.#end = end;
    this.#before = end.memory.snapshot();
    this.words = end.words.slice();
  }

  get memory(): PhysicalMemory {
    return this.#end.memory;
  }

  get loadBase(): number {
    return this.#end.loadBase;
  }

  mend(): void {
    this.#end.memory.rewind(this.#before);
    this.words = this.#end.words.slice();
  }

  /** Where a symbol is. */
  at(symbol: string, offset = 0): number {
    const { symbols, image, loadBase } = this.#end;
    return symbols.linkTime(symbol) - image.linkBase + loadBase + offset;
  }

  word(address: number): number {
    return Buffer.from(this.memory.read(address, 4)).readUInt32LE(0);
  }

  put(address: number, value: number): void {
    this.memory.load(address, new Uint8Array(Uint32Array.of(value).buffer));
  }
}
