/**
 * One image's early boot in the model, at any base: the image where a loader would put it, a stale copy where it was linked
 * (GRUB’s staging buffer leaves one on real machines), and around it what a machine gives.
 */
import { Sanitizer } from '../sanitizer/sanitizer.ts';
import type { SanitizerSlot } from '../sanitizer/watched-operation.ts';
import type { Finding } from '../sanitizer/finding.ts';
import { CodeCache, linearOf } from '../x86/execute/code-cache.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES, PhysicalMemory } from '../x86/memory/physical-memory.ts';
import type { Ending } from './contract.ts';
import { Course } from './course.ts';
import { type ImageChange, ImagePages } from './image-pages.ts';
import type { EndedRun, Knowledge } from './knowledge.ts';
import type { Surroundings } from './surroundings.ts';
import { territoryAt } from './territory-at.ts';

/** The image as a loader leaves it in memory, and where it was linked. */
export interface LoadedBytes {
  readonly master: Uint8Array;
  readonly linkBase: number;
}

export interface RunRequest {
  readonly loadBase: number;
  readonly changes?: readonly ImageChange[];
  /** Instructions. */
  readonly bound: number;
}

export interface FinishedRun extends EndedRun {
  readonly ending: Ending;
  readonly executed: number;
  readonly findings: readonly Finding[];
}

const MAX_PAGES = 1 << 15;
/** Conventional memory: trampolines run there, no firmware does. */
const LOW_MEMORY_END = 0xa_0000;

export class OfflineBoot {
  readonly #around: Surroundings;
  readonly #knowledge: Knowledge;
  readonly #slot: SanitizerSlot;
  readonly #memory = new PhysicalMemory('unknown', MAX_PAGES);
  readonly #cpu: Cpu;
  readonly #image: ImagePages;
  readonly #stale: ImagePages;
  readonly #loaded: LoadedBytes;
  readonly #code: CodeCache;
  /** For single steps, so that they do not cut runs of instructions short that are decoded. */
  readonly #singleSteps: CodeCache;
  #loadBase = 0;
  #given: readonly { readonly address: number; readonly bytes: Uint8Array }[] = [];

  /** @param store decorated with {@link watchedOperations} of the same slot */
  constructor(
    loaded: LoadedBytes,
    around: Surroundings,
    knowledge: Knowledge,
    store: CodeStore,
    slot: SanitizerSlot,
  ) {
    this.#loaded = loaded;
    this.#around = around;
    this.#knowledge = knowledge;
    this.#slot = slot;
    this.#image = new ImagePages(loaded.master);
    this.#stale = new ImagePages(loaded.master);
    this.#cpu = new Cpu(this.#memory, around.inputs, around.habits);
    const mayExecute = (low: number, high: number) => this.#mayExecute(low, high);
    this.#code = new CodeCache(store, mayExecute);
    this.#singleSteps = new CodeCache(store, mayExecute);
  }

  get image(): ImagePages {
    return this.#image;
  }

  run({ loadBase, changes = [], bound }: RunRequest): FinishedRun {
    const initial = this.#lay(loadBase, changes);
    const { master, linkBase } = this.#loaded;
    const { entry } = this.#around;
    const place = { linkBase, loadBase, sizeBytes: master.length, entry, initial };
    const sanitizer = new Sanitizer(this.#cpu, territoryAt(place, this.#cpu, this.#knowledge));
    this.#slot.current = sanitizer;
    const { ending, executed } = new Course(this.#cpu, this.#code, this.#singleSteps, sanitizer, {
      around: this.#around,
      end: this.#knowledge.end,
    }).run(bound);
    this.#slot.current = undefined;
    sanitizer.leave();
    return {
      cpu: this.#cpu,
      entry,
      loadBase,
      initial,
      before: (address, sizeBytes) => this.#before(address, sizeBytes),
      ...{ ending, executed, findings: sanitizer.findings },
    };
  }

  /** @returns the CPU's state at the entry */
  #lay(loadBase: number, changes: readonly ImageChange[]): Int32Array {
    const { master, linkBase } = this.#loaded;
    const memory = this.#memory;
    this.#loadBase = loadBase;
    memory.clear();
    const size = this.#image.count * PAGE_BYTES;
    const isLoaded = (frame: number) =>
      frame * PAGE_BYTES >= loadBase && frame * PAGE_BYTES < loadBase + size;
    this.#stale.putInto(memory, linkBase, (frame) => !isLoaded(frame));
    this.#image.putInto(memory, loadBase);
    for (const change of changes) this.#image.change(change);
    const { words, memory: given } = this.#around.entryState(loadBase);
    for (const { address, bytes } of given)
      // Where the image is loaded, nothing else is; a caller chooses surroundings that leave it its place.
      if (address + bytes.length <= loadBase || address >= loadBase + master.length)
        memory.load(address, bytes);
    this.#given = given;
    this.#around.reset();
    this.#cpu.load(words);
    return words;
  }

  #mayExecute(low: number, high: number): boolean {
    const { linkBase, master } = this.#loaded;
    const { end, highHalf } = this.#knowledge;
    if (high === 0) {
      const address = low >>> 0;
      if (address < LOW_MEMORY_END) return true;
      const size = master.length;
      return (
        (address >= this.#loadBase && address < this.#loadBase + size) ||
        (address >= linkBase && address < linkBase + size)
      );
    }
    const linear = linearOf(low, high);
    return (
      linear !== end?.linear && highHalf !== undefined && linear >= highHalf.start && linear < highHalf.end
    );
  }

  #before(address: number, sizeBytes: number): Uint8Array | undefined {
    const run = this.#given.find(
      (each) => each.address <= address && address + sizeBytes <= each.address + each.bytes.length,
    );
    return run?.bytes.subarray(address - run.address, address - run.address + sizeBytes);
  }
}
