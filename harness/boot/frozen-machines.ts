/**
 * The frozen machines of a run: made on demand and kept in the cache, by everything that decides what they are. Where one
 * cannot be had, that is said once, and its instances boot cold.
 */
import { rm } from 'node:fs/promises';
import { Deadline } from '../lifetime/deadline.ts';
import { qemuArguments } from '../qemu/argv.ts';
import { sha256OfFile, type QemuBinary } from '../qemu/binary.ts';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import { Cache, type EntryRequest } from '../toolchain/cache.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { freeze } from './freeze.ts';
import { readFrozenMachine, type FrozenMachine } from './frozen-machine.ts';

/** What is kept in such an entry, and how. */
const FORMAT = 1;
const FREEZE_MS = 60_000;
const TYPICAL_MS = { bios: 700, efi: 5000 };
/** Frozen machines whose RAM is held in memory; others are read again. OVMF's have 43 MiB each. */
const HELD_BYTES = 512 * 1024 * 1024;

export interface FrozenMachinesOptions {
  readonly qemu: QemuBinary;
  /** Its signal ends a boot that is under way. */
  readonly context: ToolchainContext;
  /** Folder for the evidence of a boot of that name. */
  readonly evidence: (name: string) => string;
  /** Told once for each reason why something is not as it should be. */
  readonly onNotice: (text: string) => void;
}

/** A machine without its payload drive but for its size. */
export interface FrozenSpec {
  readonly spec: Omit<MachineSpec, 'payload'>;
  readonly driveSizeBytes: number;
  /** Of SeaBIOS, which no argument names; null where it was not found. */
  readonly firmwareSha256: string | null;
}

type Held = { readonly machine: FrozenMachine } | { readonly reason: string };

export class FrozenMachines {
  readonly #options: FrozenMachinesOptions;
  readonly #cache: Cache;
  readonly #held = new Map<string, Promise<Held>>();
  readonly #digests = new Map<string, Promise<string>>();
  readonly #told = new Set<string>();
  readonly #damaged = new Set<string>();

  constructor(options: FrozenMachinesOptions) {
    this.#options = options;
    this.#cache = new Cache(options.context);
  }

  /** Stands for everything that decides the frozen machine. */
  async key(wanted: FrozenSpec): Promise<string> {
    return this.#cache.digest(await this.#request(wanted));
  }

  /**
   * The frozen machine, from the cache or made (some seconds, told as a step).
   * @returns undefined where none can be had: boot cold.
   * @throws the signal's reason on abort.
   */
  async find(wanted: FrozenSpec): Promise<FrozenMachine | undefined> {
    const request = await this.#request(wanted);
    const key = this.#cache.digest(request);
    let held = this.#held.get(key);
    if (!held) {
      held = this.#make(request, wanted);
      held.catch(() => this.#held.delete(key));
    }
    // The last used stands last.
    this.#held.delete(key);
    this.#held.set(key, held);
    const found = await held;
    await this.#letGo();
    if ('machine' in found) return found.machine;
    this.#tell(`${found.reason}; such machines boot cold`);
    return undefined;
  }

  /**
   * A fork could not go on from it: the next {@link find} makes it anew, and the one after a second failure gives none.
   * @param reason in words.
   */
  async giveBack(wanted: FrozenSpec, reason: string): Promise<void> {
    const request = await this.#request(wanted);
    const key = this.#cache.digest(request);
    const label = nameOf(wanted);
    if (this.#damaged.has(key)) {
      this.#held.set(key, Promise.resolve({ reason: `no fork of the frozen ${label} goes on (${reason})` }));
      return;
    }
    this.#damaged.add(key);
    this.#held.delete(key);
    this.#tell(`a fork of the frozen ${label} did not go on (${reason}); it is made anew`);
    const { directory } = (await this.#cache.lookup(request)) ?? {};
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }

  async #make(request: EntryRequest, wanted: FrozenSpec): Promise<Held> {
    const { qemu, context, evidence } = this.#options;
    const { kind } = wanted.spec.firmware;
    try {
      const entry = await this.#cache.entry(request, async (workshop) => {
        const into = await workshop.staging(this.#cache.digest(request));
        await workshop.step(`boot ${nameOf(wanted)} once and freeze it`, TYPICAL_MS[kind], () =>
          freeze({
            ...{ qemu: qemu.path, spec: wanted.spec, driveSizeBytes: wanted.driveSizeBytes, into },
            evidence: evidence(`frozen-${nameOf(wanted)}-${this.#cache.digest(request).slice(0, 8)}`),
            deadline: Deadline.in(FREEZE_MS),
            ...(context.signal ? { signal: context.signal } : {}),
          }),
        );
      });
      return { machine: await readFrozenMachine(entry.directory, kind) };
    } catch (error) {
      context.signal?.throwIfAborted();
      return {
        reason: `no frozen ${nameOf(wanted)}: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  async #request({ spec, driveSizeBytes, firmwareSha256 }: FrozenSpec): Promise<EntryRequest> {
    const { qemu } = this.#options;
    const { firmware } = spec;
    const files =
      firmware.kind === 'efi'
        ? [spec.medium.path, firmware.executable, firmware.variablesTemplate]
        : [spec.medium.path];
    const argv = qemuArguments({ ...spec, payload: 'payload' }, { ...WIRING, ram: 'ram' });
    const inputs = {
      format: FORMAT,
      qemu: qemu.sha256,
      firmware: firmwareSha256,
      argv,
      files: await Promise.all(files.map((path) => this.#digestOf(path))),
      driveSizeBytes,
    };
    // A task of its own for each: tasks of one name are made one after the other.
    const task = `frozen-${firmware.kind}-${this.#cache.digest({ task: '', inputs }).slice(0, 8)}`;
    return { task, inputs };
  }

  /** Once a run: what changes on disk meanwhile is not what the run began with. */
  #digestOf(path: string): Promise<string> {
    const known = this.#digests.get(path) ?? sha256OfFile(path);
    this.#digests.set(path, known);
    return known;
  }

  async #letGo(): Promise<void> {
    let heldBytes = 0;
    for (const [key, held] of [...this.#held].reverse()) {
      const found = await held.catch(() => undefined);
      heldBytes += found && 'machine' in found ? found.machine.state.ram.bytes.length : 0;
      if (heldBytes > HELD_BYTES) this.#held.delete(key);
    }
  }

  #tell(text: string): void {
    if (!this.#told.has(text)) this.#options.onNotice(text);
    this.#told.add(text);
  }
}

/** Paths are a run's own, and no part of what the machine is. */
const WIRING = { qmpSocket: 'qmp', serialPipe: 'serial', gdbSocket: 'gdb', variables: 'variables' };

function nameOf({ spec }: FrozenSpec): string {
  return `${spec.firmware.kind}-${spec.machine}-${spec.medium.kind}-${spec.memoryMib}`;
}
