/**
 * The frozen machines of a run: made on demand and kept in the cache, by everything that decides what they are. Where one
 * cannot be had, that is said once, and its instances boot cold.
 */
import { Deadline } from '../lifetime/deadline.ts';
import type { QemuBinary } from '../qemu/binary.ts';
import { MachineStateError } from '../qemu/machine-state.ts';
import { Cache, type CacheEntry, type EntryRequest } from '../toolchain/cache.ts';
import { evict, touchEntry } from '../toolchain/eviction.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { freeze } from './freeze.ts';
import { causeInWords, endsAllFreezing, isOfAllMachines } from './freeze-faults.ts';
import { readFrozenMachine, type FrozenMachine } from './frozen-machine.ts';
import { FROZEN_PREFIX, FrozenRequests, nameOf, type FrozenSpec } from './frozen-request.ts';

const FREEZE_MS = 60_000;
const TYPICAL_MS = { bios: 700, efi: 5000 };
/** Frozen machines whose RAM is held in memory; others are read again. OVMF's have 43 MiB each. */
const HELD_BYTES = 512 * 1024 * 1024;

/** All of them in the cache, but for what a run may still have open: that was used within the hour. */
const KEPT = { boundBytes: 4 * 1024 ** 3, spareMs: 3_600_000 };
/** That often a run says that it still uses one. */
const TOUCH_MS = 600_000;

export interface FrozenMachinesOptions {
  readonly qemu: QemuBinary;
  /** Its signal ends a boot that is under way. */
  readonly context: ToolchainContext;
  /** Folder for the evidence of a boot of that name. */
  readonly evidence: (name: string) => string;
  /** Told once for each reason why something is not as it should be. */
  readonly onNotice: (text: string) => void;
  /** Default: 512 MiB. */
  readonly heldBytes?: number;
}

/** `generation` counts how often its forks failed before it was made. */
type Found =
  | { readonly machine: FrozenMachine; readonly entry: CacheEntry; readonly generation: number }
  | { readonly machine?: undefined };

interface Slot {
  readonly found: Promise<Found>;
  /** Once it was found. */
  sizeBytes: number;
  touchedMs: number;
}

export class FrozenMachines {
  readonly #options: FrozenMachinesOptions;
  readonly #cache: Cache;
  readonly #requests: FrozenRequests;
  /** The last used stands last. */
  readonly #slots = new Map<string, Slot>();
  readonly #told = new Set<string>();
  readonly #generations = new Map<string, number>();
  readonly #origins = new WeakMap<FrozenMachine, Extract<Found, { entry: CacheEntry }>>();
  /** Why no further one is to be made in this run. */
  #cannot: Error | undefined;

  constructor(options: FrozenMachinesOptions) {
    this.#options = options;
    this.#cache = new Cache(options.context);
    this.#requests = new FrozenRequests(this.#cache, options.qemu.sha256);
  }

  /** Stands for everything that decides the frozen machine. @throws what reading the files that it is made of throws. */
  async key(wanted: FrozenSpec): Promise<string> {
    return this.#cache.digest(await this.#requests.of(wanted));
  }

  /**
   * The frozen machine, from the cache or made (some seconds, told as a step).
   * @returns undefined where none can be had: boot cold.
   * @throws the signal's reason on abort.
   */
  async find(wanted: FrozenSpec): Promise<FrozenMachine | undefined> {
    const request = await this.#requests.of(wanted).catch((error: unknown) => this.#tellFault(wanted, error));
    if (!request) return undefined;
    const key = this.#cache.digest(request);
    const slot = this.#slots.get(key) ?? this.#slot(key, () => this.#find(request, wanted));
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    const found = await slot.found;
    if (!found.machine) return undefined;
    await this.#touch(slot, found.entry);
    return found.machine;
  }

  /**
   * A fork could not go on from `machine`: it is made anew. Once that one's forks fail, too, {@link find} gives none.
   * Forks that fail together are one failure.
   * @param reason in words.
   */
  async giveBack(wanted: FrozenSpec, machine: FrozenMachine, reason: string): Promise<void> {
    const origin = this.#origins.get(machine);
    const request = await this.#requests.of(wanted);
    const key = this.#cache.digest(request);
    const generation = this.#generations.get(key) ?? 0;
    if (!origin || origin.generation < generation) return;
    this.#generations.set(key, generation + 1);
    this.#slots.delete(key);
    const label = nameOf(wanted);
    if (generation > 0) {
      this.#slot(key, async () => ({}));
      this.#tell(`no fork of the frozen ${label} goes on (${reason}); its instances boot cold`);
      return;
    }
    this.#tell(`a fork of the frozen ${label} did not go on (${reason}); it is made anew`);
    this.#slot(key, async () => {
      await this.#discard(origin.entry);
      return this.#find(request, wanted);
    });
  }

  /** An instance whose machine is there could not be forked, and not for the frozen machine's sake: told once. */
  tellHostFault(error: Error): void {
    this.#tell(`no machine can be forked now (${causeInWords(error)}); instances boot cold meanwhile`);
  }

  #slot(key: string, find: () => Promise<Found>): Slot {
    const found = find();
    const slot: Slot = { found, sizeBytes: 0, touchedMs: -Infinity };
    this.#slots.set(key, slot);
    const forget = () => this.#slots.get(key) === slot && this.#slots.delete(key);
    found.then(({ machine }) => {
      slot.sizeBytes = machine?.state.ram.bytes.length ?? 0;
      this.#letGo();
    }, forget);
    return slot;
  }

  async #find(request: EntryRequest, wanted: FrozenSpec): Promise<Found> {
    const generation = this.#generations.get(this.#cache.digest(request)) ?? 0;
    try {
      const { machine, entry } = await this.#read(request, wanted);
      const found = { machine, entry, generation };
      this.#origins.set(machine, found);
      return found;
    } catch (error) {
      this.#options.context.signal?.throwIfAborted();
      if (endsAllFreezing(error)) this.#cannot = error;
      this.#tellFault(wanted, error);
      return {};
    }
  }

  /** What is whole in the cache may still be of no use: it is made anew then. */
  async #read(request: EntryRequest, wanted: FrozenSpec) {
    const read = async (entry: CacheEntry) => ({
      entry,
      machine: await readFrozenMachine(entry.directory, wanted.spec),
    });
    const entry = await this.#entry(request, wanted);
    try {
      return await read(entry);
    } catch (error) {
      if (!entry.reused || !(error instanceof MachineStateError)) throw error;
      this.#tell(`the frozen ${nameOf(wanted)} is of no use (${error.message}); it is made anew`);
      await this.#discard(entry);
      return read(await this.#entry(request, wanted));
    }
  }

  async #entry(request: EntryRequest, wanted: FrozenSpec): Promise<CacheEntry> {
    const { qemu, context, evidence } = this.#options;
    const { spec, driveSizeBytes } = wanted;
    const digest = this.#cache.digest(request);
    const entry = await this.#cache.entry(request, async (workshop) => {
      if (this.#cannot) throw this.#cannot;
      const into = await workshop.staging(digest);
      const typicalMs = TYPICAL_MS[spec.firmware.kind];
      await workshop.step(`boot ${nameOf(wanted)} once and freeze it`, typicalMs, () =>
        freeze({
          ...{ qemu: qemu.path, spec, driveSizeBytes, into },
          evidence: evidence(`${FROZEN_PREFIX}${nameOf(wanted)}-${digest.slice(0, 8)}`),
          deadline: Deadline.in(FREEZE_MS),
          ...(context.signal ? { signal: context.signal } : {}),
        }),
      );
    });
    if (!entry.reused)
      await evict({ cacheRoot: context.cacheRoot, prefix: FROZEN_PREFIX, ...KEPT, nowMs: Date.now() });
    return entry;
  }

  /** Where it resists, the next one to fail is the last. */
  async #discard(entry: CacheEntry): Promise<void> {
    await this.#cache.discard(entry).catch(() => this.#options.context.signal?.throwIfAborted());
  }

  async #touch(slot: Slot, { directory }: CacheEntry): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - slot.touchedMs < TOUCH_MS) return;
    slot.touchedMs = nowMs;
    await touchEntry(directory, nowMs);
  }

  #letGo(): void {
    const { heldBytes = HELD_BYTES } = this.#options;
    let sumBytes = 0;
    for (const [key, { sizeBytes }] of [...this.#slots].reverse()) {
      sumBytes += sizeBytes;
      if (sizeBytes > 0 && sumBytes > heldBytes) this.#slots.delete(key);
    }
  }

  /** What is wrong with all of them alike is said once for all. */
  #tellFault(wanted: FrozenSpec, error: unknown): undefined {
    const cause = causeInWords(error);
    this.#tell(
      isOfAllMachines(error)
        ? `no machine can be frozen (${cause}); instances boot cold, which takes longer`
        : `${nameOf(wanted)} cannot be frozen (${cause}); its instances boot cold`,
    );
  }

  #tell(text: string): void {
    if (!this.#told.has(text)) this.#options.onNotice(text);
    this.#told.add(text);
  }
}
