/**
 * One image's early boot in the model, at any base: the image where a loader would put it, a stale copy where it was linked
 * (GRUB’s staging buffer leaves one on real machines), and around it what a machine gives.
 */
import { OriginPlans } from '../sanitizer/origin-plan.ts';
import { Origins } from '../sanitizer/origins.ts';
import type { PointerStores } from '../sanitizer/pointer-stores.ts';
import { Sanitizer } from '../sanitizer/sanitizer.ts';
import type { Territory } from '../sanitizer/territory.ts';
import type { SanitizerSlot } from '../sanitizer/sanitizer-slot.ts';
import type { Finding } from '../sanitizer/finding.ts';
import { CodeCache, linearOf } from '../x86/execute/code-cache.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { type RunEnd, step as stepOnce } from '../x86/execute/step.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import { PAGE_BYTES, PhysicalMemory } from '../x86/memory/physical-memory.ts';
import type { Ending } from './contract.ts';
import { Course } from './course.ts';
import { type ImageChange, ImagePages } from './image-pages.ts';
import type { SteppedRun } from './first-asymmetry.ts';
import type { EndedRun, Knowledge } from './knowledge.ts';
import type { LoadedBytes } from './loaded-bytes.ts';
import type { Surroundings } from './surroundings.ts';
import { putBack } from './put-back.ts';
import { territoryAt } from './territory-at.ts';

export interface RunRequest {
  readonly loadBase: number;
  readonly changes?: readonly ImageChange[];
  /** Instructions. */
  readonly bound: number;
  /** Whether a stored value is known to be no address. */
  readonly isData?: (linear: bigint, value: number, territory: Territory) => boolean;
}

export interface FinishedRun extends EndedRun {
  readonly ending: Ending;
  readonly executed: number;
  readonly findings: readonly Finding[];
  readonly territory: Territory;
}

/** As `run` of step.ts. */
export type Runner = (cpu: Cpu, code: CodeCache, limit: number) => RunEnd;

/** Beside the image and its stale copy: 32 MiB. What writes to more has lost its way. */
const OTHER_PAGES = 1 << 13;
/** Conventional memory: trampolines run there, no firmware does. */
const LOW_MEMORY_END = 0xa_0000;

export class OfflineBoot {
  readonly #around: Surroundings;
  readonly #knowledge: Knowledge;
  readonly #slot: SanitizerSlot;
  readonly #memory: PhysicalMemory;
  readonly #cpu: Cpu;
  readonly #image: ImagePages;
  readonly #stale: ImagePages;
  readonly #loaded: LoadedBytes;
  readonly #code: CodeCache;
  /** For single steps, so that they do not cut runs of instructions short that are decoded. */
  readonly #singleSteps: CodeCache;
  readonly #plans: OriginPlans;
  #loadBase = 0;

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
    this.#memory = new PhysicalMemory('unknown', 2 * this.#image.count + OTHER_PAGES);
    this.#cpu = new Cpu(this.#memory, around.inputs, around.habits);
    const mayExecute = (low: number, high: number) => this.#mayExecute(low, high);
    this.#code = new CodeCache(store, mayExecute);
    this.#singleSteps = new CodeCache(store, mayExecute);
    this.#plans = plansOf(store);
  }

  run({ loadBase, changes = [], bound, isData }: RunRequest): FinishedRun {
    const initial = this.#lay(loadBase, changes);
    const territory = this.#territory(loadBase, initial);
    const sanitizer = new Sanitizer(
      this.#cpu,
      territory,
      isData && ((at, value) => isData(at, value, territory)),
    );
    this.#slot.current = sanitizer;
    const { ending, executed } = new Course(this.#cpu, this.#code, this.#singleSteps, sanitizer, {
      around: this.#around,
      knowledge: this.#knowledge,
    }).run(bound);
    this.#slot.current = undefined;
    sanitizer.leave();
    putBack(this.#memory, changes, this.#loaded.master, loadBase);
    return {
      cpu: this.#cpu,
      entry: this.#around.entry,
      loadBase,
      initial,
      consoleText: this.#around.consoleText(),
      ...{ ending, executed, findings: sanitizer.findings, territory },
    };
  }

  /** The same boot, one instruction after the other and under no rules. */
  begin(loadBase: number, changes: readonly ImageChange[] = []): SteppedRun {
    this.#lay(loadBase, changes);
    const cpu = this.#cpu;
    const step = (): StopReason | undefined => {
      const reason = stepOnce(cpu, this.#singleSteps);
      return reason && this.#goesOn(reason) ? step() : reason;
    };
    return { cpu, loadBase, step };
  }

  /**
   * The same boot as {@link run}, slowly: of each store of a value in the link-time range whether it is an address.
   * @param bound instructions
   */
  pointerStores({ loadBase, changes = [], bound }: RunRequest): PointerStores {
    const initial = this.#lay(loadBase, changes);
    const origins = new Origins(
      this.#cpu,
      this.#singleSteps,
      this.#territory(loadBase, initial),
      this.#plans,
    );
    for (let executed = 0; executed < bound; executed++) {
      const reason = origins.step();
      if (reason === undefined || this.#goesOn(reason)) continue;
      break;
    }
    return origins.stores;
  }

  /** The same boot, under no rules, executed by who looks at each instruction. @returns why it ended */
  runBy(runner: Runner, { loadBase, changes = [], bound }: RunRequest): StopReason {
    this.#lay(loadBase, changes);
    let executed = 0;
    for (;;) {
      const end = runner(this.#cpu, this.#singleSteps, bound - executed);
      executed += end.executed;
      if (!this.#goesOn(end.reason)) return end.reason;
    }
  }

  #territory(loadBase: number, initial: Int32Array): Territory {
    const { master, linkBase } = this.#loaded;
    const place = { linkBase, loadBase, sizeBytes: master.length, entry: this.#around.entry, initial };
    return territoryAt(place, this.#cpu, this.#knowledge);
  }

  /** As Course does: the firmware answers, memory that nobody gave reads as zeros. */
  #goesOn(reason: StopReason): boolean {
    if (reason.kind === 'unknown memory') {
      this.#memory.load(reason.physical, new Uint8Array(reason.sizeBytes));
      this.#cpu.memoryLoaded();
      return true;
    }
    return reason.kind === 'left' && this.#around.answer(this.#cpu) === undefined;
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
    for (const pages of [this.#image, this.#stale]) for (const change of changes) pages.change(change);
    const { words, memory: around } = this.#around.entryState(loadBase);
    const given = [...around, ...this.#knowledge.laid];
    for (const { address, bytes } of given)
      // Where the image is loaded, nothing else is; a caller chooses surroundings that leave it its place.
      if (address + bytes.length <= loadBase || address >= loadBase + master.length)
        memory.load(address, bytes);
    this.#around.reset(loadBase);
    this.#cpu.load(words);
    return words;
  }

  #mayExecute(low: number, high: number): boolean {
    const { linkBase, master } = this.#loaded;
    const { highHalf } = this.#knowledge;
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
    if (this.#knowledge.endAt(linear) !== undefined) return false;
    return highHalf !== undefined && linear >= highHalf.start && linear < highHalf.end;
  }
}

/** Made once for all boots whose code is decoded once. */
const PLANS = new WeakMap<CodeStore, OriginPlans>();

function plansOf(store: CodeStore): OriginPlans {
  const known = PLANS.get(store) ?? new OriginPlans(store.disassembler);
  PLANS.set(store, known);
  return known;
}
