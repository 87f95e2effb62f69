/**
 * A machine's RAM as a file in memory that QEMU and the harness share: read and written at memory speed while the
 * machine is stopped. The file is sparse: what the guest never touched takes no memory of the host.
 * Source: qemu(1), memory-backend-file; tmpfs(5).
 */
import { readSync } from 'node:fs';
import { open, statfs, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '../bits/align.ts';
import { Releases } from '../lifetime/releases.ts';
import { dataExtents } from '../process/system-calls.ts';
import { createSocketFolder } from '../workdir/socket-folder.ts';
import { lowRamSizeBytes, type MachineSpec } from './machine-spec.ts';

/** statfs(2), TMPFS_MAGIC: on a disk the kernel would write guest memory back, and the machine would wait for it. */
const TMPFS_MAGIC = 0x0102_1994;

/** Some two milliseconds of nothing else. */
const COPIED_AT_ONCE_BYTES = 8 * MIB;

/** A range of physical addresses: `end` is the first byte past it. */
export interface RamExtent {
  readonly start: number;
  readonly end: number;
}

export class GuestRam implements AsyncDisposable {
  readonly #releases: Releases;
  readonly #file: FileHandle;

  private constructor(
    releases: Releases,
    file: FileHandle,
    readonly path: string,
    /** File offset = physical address up to here: RAM below the hole under 4 GiB. */
    readonly lowSizeBytes: number,
  ) {
    this.#releases = releases;
    this.#file = file;
  }

  /**
   * An empty file of the machine's memory size in a private folder, removed with it.
   * @returns undefined where no tmpfs has room for all of it: a full one would kill QEMU (SIGBUS).
   * @throws UnwritableFolderError, NoSpaceError
   */
  static async create(
    spec: Pick<MachineSpec, 'machine' | 'memoryMib'>,
    bases: readonly string[] = ['/dev/shm', tmpdir()],
  ): Promise<GuestRam | undefined> {
    const sizeBytes = spec.memoryMib * MIB;
    for (const base of bases) {
      if (!(await hasRoom(base, sizeBytes))) continue;
      const releases = new Releases();
      try {
        const folder = releases.use('the folder of the guest’s RAM', await createSocketFolder(base));
        const path = join(folder.path, 'ram');
        const file = await open(path, 'wx+', 0o600);
        releases.add('the guest’s RAM', () => file.close());
        await file.truncate(sizeBytes);
        return new GuestRam(releases, file, path, lowRamSizeBytes(spec.machine, spec.memoryMib));
      } catch (error) {
        await releases[Symbol.asyncDispose]();
        throw error;
      }
    }
    return undefined;
  }

  /** @param into at least that many bytes; absent: fresh memory. @throws RangeError beyond RAM below 4 GiB. */
  async read(address: number, sizeBytes: number, into?: Uint8Array): Promise<Uint8Array> {
    this.#check(address, sizeBytes);
    const bytes = into ?? Buffer.allocUnsafe(sizeBytes);
    // Memory: there is nothing to wait for, and for a little a thread of the pool takes longer to answer than the copy.
    if (sizeBytes <= COPIED_AT_ONCE_BYTES) readSync(this.#file.fd, bytes, 0, sizeBytes, address);
    else await this.#file.read(bytes, 0, sizeBytes, address);
    return bytes.subarray(0, sizeBytes);
  }

  /** @throws RangeError beyond RAM below 4 GiB. */
  async write(address: number, bytes: Uint8Array): Promise<void> {
    this.#check(address, bytes.length);
    await this.#file.write(bytes, 0, bytes.length, address);
  }

  /** Pages that exist, joined, ascending, below the hole: all others read as zeros and were never touched. */
  async extents(): Promise<RamExtent[]> {
    const all = await dataExtents(this.path);
    return all
      .map(({ start, end }) => ({ start, end: Math.min(end, this.lowSizeBytes) }))
      .filter(({ start, end }) => start < end);
  }

  /** All that was ever touched, above 4 GiB, too; offsets are the file's. */
  async contents(): Promise<{ readonly extents: readonly RamExtent[]; readonly bytes: Buffer }> {
    const extents = await dataExtents(this.path);
    const bytes = Buffer.allocUnsafe(extents.reduce((sum, { start, end }) => sum + end - start, 0));
    let at = 0;
    for (const { start, end } of extents) {
      await this.#file.read(bytes, at, end - start, start);
      at += end - start;
    }
    return { extents, bytes };
  }

  /** What {@link contents} gave, of a machine of the same memory size. Nothing has run yet. @throws what writing throws: ENOSPC */
  async fill({
    extents,
    bytes,
  }: {
    readonly extents: readonly RamExtent[];
    readonly bytes: Uint8Array;
  }): Promise<void> {
    let at = 0;
    for (const { start, end } of extents) {
      const { bytesWritten } = await this.#file.write(bytes, at, end - start, start);
      // write(2): what there is room for is written without a word.
      if (bytesWritten < end - start) throw Object.assign(new Error('no room for RAM'), { code: 'ENOSPC' });
      at += end - start;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#releases[Symbol.asyncDispose]();
  }

  #check(address: number, sizeBytes: number): void {
    if (address < 0 || address + sizeBytes > this.lowSizeBytes)
      throw new RangeError(
        `${sizeBytes} bytes at 0x${address.toString(16)} are not in the guest's RAM below 4 GiB`,
      );
  }
}

async function hasRoom(base: string, sizeBytes: number): Promise<boolean> {
  try {
    const { type, bavail, bsize } = await statfs(base);
    return type === TMPFS_MAGIC && bavail * bsize >= sizeBytes;
  } catch {
    return false;
  }
}
