/** The model with every rule of the sanitizer on, as `loadbase check` has it, on a boot that somebody else sets up. */
import { loadedBytes } from '../../harness/check/loaded-bytes.ts';
import type { EntryName } from '../../harness/check/contract.ts';
import { MachineSurroundings } from '../../harness/check/machine-surroundings.ts';
import { OfflineBoot } from '../../harness/check/offline-boot.ts';
import { territoryAt } from '../../harness/check/territory-at.ts';
import { XenKnowledge } from '../../harness/check/xen-knowledge.ts';
import { parseMachineProfile } from '../../harness/profile/machine-profile.ts';
import type { PointerStore } from '../../harness/sanitizer/pointer-stores.ts';
import { Sanitizer } from '../../harness/sanitizer/sanitizer.ts';
import { watchedOperations } from '../../harness/sanitizer/watched-operation.ts';
import type { SanitizerSlot } from '../../harness/sanitizer/sanitizer-slot.ts';
import { parseBootImage } from '../../harness/subject/boot-image.ts';
import { ImageSymbols } from '../../harness/subject/image-symbols.ts';
import { type Disassembler, loadDisassembler } from '../../harness/x86/disassembler.ts';
import { CodeCache } from '../../harness/x86/execute/code-cache.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import type { Cpu } from '../../harness/x86/execute/cpu.ts';
import { run, type RunEnd, step } from '../../harness/x86/execute/step.ts';
import { imageVersion } from '../../harness/xen/image-version.ts';
import type { Executor } from './stretch-model.ts';

/** Of one boot what the rules must know, as plain data. */
export interface SanitizedBoot {
  readonly entry: EntryName;
  readonly loadBase: number;
  readonly image: Uint8Array;
  /** The symbol file. */
  readonly symbols: Uint8Array;
  /** Of stores whether they are addresses, as `check` learns it: {@link pointerStores}. */
  readonly stores: readonly PointerStore[];
  /** The state at the entry. */
  readonly initial: Int32Array;
}

/** A healthy image breaks a rule: then its time is that of telling so. */
export class FindingError extends Error {
  override readonly name = 'FindingError';
}

/** Instructions; many times what Xen takes. */
const BOUND = 5_000_000;

type MakeSanitizer = (cpu: Cpu) => Sanitizer;

/** @throws where the image or its symbols are none */
export async function sanitizedXen(boot: SanitizedBoot): Promise<SanitizedModel> {
  const { entry, loadBase, initial, stores } = boot;
  const disassembler = await loadDisassembler();
  const image = parseBootImage(boot.image);
  const { linkBase, loadSize: sizeBytes } = image.loaded;
  const symbols = new ImageSymbols(boot.symbols, linkBase);
  const knowledge = new XenKnowledge(symbols, image.loaded, imageVersion(symbols, disassembler));
  const place = { linkBase, loadBase, sizeBytes, entry, initial };
  const isData = new Set(stores.filter(({ origin }) => origin === 'data').map(keyOf));
  return new SanitizedModel(
    disassembler,
    (cpu) =>
      new Sanitizer(cpu, territoryAt(place, cpu, knowledge), (linear, value) =>
        isData.has(keyOf({ linear, value })),
      ),
    (linear) => knowledge.endAt(linear) !== undefined,
  );
}

function keyOf({ linear, value }: Pick<PointerStore, 'linear' | 'value'>): string {
  return `${linear} ${value}`;
}

/** A slow run of the same boot, in a machine as it was promoted. @throws what parsing throws */
export async function pointerStores(
  { loadBase, image: bytes, symbols: symbolFile }: Pick<SanitizedBoot, 'loadBase' | 'image' | 'symbols'>,
  machine: string,
): Promise<readonly PointerStore[]> {
  const disassembler = await loadDisassembler();
  const image = parseBootImage(bytes);
  const symbols = new ImageSymbols(symbolFile, image.loaded.linkBase);
  const knowledge = new XenKnowledge(symbols, image.loaded, imageVersion(symbols, disassembler));
  const slot: SanitizerSlot = { current: undefined };
  const store = new CodeStore(disassembler, watchedOperations(slot));
  const around = new MachineSurroundings(parseMachineProfile(machine), image);
  const boot = new OfflineBoot(loadedBytes(image), around, knowledge, store, slot);
  return boot.pointerStores({ loadBase, bound: BOUND }).all;
}

/** Runs code under the rules, again and again. */
export class SanitizedModel implements Executor {
  readonly #slot: SanitizerSlot = { current: undefined };
  readonly store: CodeStore;
  readonly #make: MakeSanitizer;
  readonly #isEnd: (linear: bigint) => boolean;
  /** For single steps, so that they do not cut runs of instructions short that are decoded. */
  #singleSteps: CodeCache | undefined;
  #stops = 0;

  /**
   * @param isEnd whether a linear address is where the boot ends; else where it leaves, it calls the firmware
   */
  constructor(disassembler: Disassembler, make: MakeSanitizer, isEnd: (linear: bigint) => boolean) {
    this.store = new CodeStore(disassembler, watchedOperations(this.#slot));
    this.#make = make;
    this.#isEnd = isEnd;
  }

  /** How often the model stopped before an instruction to ask a rule, since {@link begin}. */
  get stops(): number {
    return this.#stops;
  }

  /** Watches a run from its beginning. */
  begin(cpu: Cpu): void {
    this.#slot.current = this.#make(cpu);
    this.#stops = 0;
  }

  /** As `run` of step.ts, and as check's course of a boot: what is found is noted, and it goes on. */
  readonly execute = (cpu: Cpu, code: CodeCache, limit = Infinity): RunEnd => {
    const sanitizer = this.#slot.current!;
    let executed = 0;
    for (;;) {
      const end = run(cpu, code, limit - executed);
      executed += end.executed;
      const { reason } = end;
      if (reason.kind === 'left' && !this.#isEnd(reason.linear)) sanitizer.calledFirmware();
      if (reason.kind !== 'watched') return { executed, reason };
      this.#stops++;
      sanitizer.stopped(reason);
      const singleSteps = (this.#singleSteps ??= new CodeCache(this.store, code.mayExecute));
      const stopped = sanitizer.unwatched(() => step(cpu, singleSteps));
      executed++;
      if (stopped) return { executed, reason: stopped };
    }
  };

  /** @throws FindingError */
  end(): void {
    const [first] = this.#slot.current?.findings ?? [];
    if (!first) return;
    const { rule, instruction } = first;
    throw new FindingError(
      `the image breaks the rule ${rule} at 0x${instruction.linear.toString(16)}: its time is not that of an image that holds`,
    );
  }
}
