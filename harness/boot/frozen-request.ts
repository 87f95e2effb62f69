/** What a frozen machine is called in the cache: by everything that decides what it is. */
import { qemuArguments } from '../qemu/argv.ts';
import { sha256OfFile } from '../qemu/binary.ts';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import type { Cache, EntryRequest } from '../toolchain/cache.ts';

/** What is kept in such an entry, and how. */
const FORMAT = 1;

/** Their entries' names in the cache begin so. */
export const FROZEN_PREFIX = 'frozen-';

/** A machine without its payload drive but for its size. */
export interface FrozenSpec {
  readonly spec: Omit<MachineSpec, 'payload'>;
  readonly driveSizeBytes: number;
  /** Of SeaBIOS, which no argument names; null where it was not found. */
  readonly firmwareSha256: string | null;
}

/** Requests of one run: what changes on disk meanwhile is not what the run began with. */
export class FrozenRequests {
  readonly #cache: Pick<Cache, 'digest'>;
  readonly #qemuSha256: string;
  readonly #digests = new Map<string, Promise<string>>();

  constructor(cache: Pick<Cache, 'digest'>, qemuSha256: string) {
    this.#cache = cache;
    this.#qemuSha256 = qemuSha256;
  }

  /** @throws what reading the files that the machine is made of throws. */
  async of({ spec, driveSizeBytes, firmwareSha256 }: FrozenSpec): Promise<EntryRequest> {
    const { firmware, medium } = spec;
    const files =
      firmware.kind === 'efi'
        ? [medium.path, firmware.executable, firmware.variablesTemplate]
        : [medium.path];
    const inputs = {
      format: FORMAT,
      qemu: this.#qemuSha256,
      firmware: firmwareSha256,
      argv: qemuArguments(withoutPaths(spec), { ...WIRING, ram: 'ram' }),
      files: await Promise.all(files.map((path) => this.#digestOf(path))),
      driveSizeBytes,
    };
    // A task of its own for each: tasks of one name are made one after the other.
    const task = `${FROZEN_PREFIX}${firmware.kind}-${this.#cache.digest({ task: '', inputs }).slice(0, 8)}`;
    return { task, inputs };
  }

  #digestOf(path: string): Promise<string> {
    const known = this.#digests.get(path) ?? sha256OfFile(path);
    this.#digests.set(path, known);
    return known;
  }
}

/** What it is called in a notice, and where its evidence goes. */
export function nameOf({ spec }: FrozenSpec): string {
  return `${spec.firmware.kind}-${spec.machine}-${spec.medium.kind}-${spec.memoryMib}`;
}

const WIRING = { qmpSocket: 'qmp', serialPipe: 'serial', gdbSocket: 'gdb', variables: 'variables' };

/** Paths are a run's own, and no part of what the machine is: the files' sums are. */
function withoutPaths(spec: Omit<MachineSpec, 'payload'>): MachineSpec {
  const { firmware, medium } = spec;
  return {
    ...spec,
    medium: { ...medium, path: 'medium' },
    firmware: firmware.kind === 'efi' ? { ...firmware, executable: 'code', variablesTemplate: '' } : firmware,
    payload: 'payload',
  };
}
