import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Releases } from '../lifetime/releases.ts';
import { withLock } from '../process/lock.ts';
import { cacheError } from './build-failed-error.ts';
import { digestOfInputs, type KeyInputs } from './digest.ts';
import { type Manifest, readManifest, verifyManifest, writeManifest } from './manifest.ts';
import { readTimings, writeTimings } from './timings.ts';
import type { ToolchainContext } from './toolchain-context.ts';
import { Workshop } from './workshop.ts';

/** What is wanted: everything that decides the bytes of the result. */
export interface EntryRequest {
  /** Short name of what is made; builds of one task follow each other, never side by side. */
  readonly task: string;
  readonly inputs: KeyInputs;
}

export interface CacheEntry {
  readonly directory: string;
  /** The key: SHA-256 of the inputs, 64 hexadecimal digits. */
  readonly digest: string;
  readonly manifest: Manifest;
  /** False where this call built it. */
  readonly reused: boolean;
}

/**
 * A content-addressed store of build results below `context.cacheRoot`: `entries/<task>-<key>/` holds the files and
 * a manifest with their sums. An entry is staged in a private folder and appears by one rename, so whatever looks
 * whole is whole; sums are checked at every use, and an entry that fails them is built again.
 */
export class Cache {
  constructor(readonly context: ToolchainContext) {}

  digest(request: EntryRequest): string {
    return digestOfInputs({ task: request.task, ...request.inputs });
  }

  /** The entry if it is there and whole; never builds. A damaged one is told as a notice. */
  async lookup(request: EntryRequest): Promise<CacheEntry | undefined> {
    return this.#lookup(request, new Set());
  }

  /** @param told reasons that need not be told again. */
  async #lookup(request: EntryRequest, told: Set<string>): Promise<CacheEntry | undefined> {
    const digest = this.digest(request);
    const directory = this.#entryDirectory(request.task, digest);
    const found = await verifyManifest(directory, digest);
    switch (found.state) {
      case 'absent':
        return undefined;
      case 'whole':
        return { directory, digest, manifest: found.manifest, reused: true };
      case 'damaged':
        if (!told.has(found.reason))
          this.context.onProgress({
            task: request.task,
            step: 'check the cache',
            state: 'notice',
            detail: `the cached result is damaged (${found.reason}) and has to be built again`,
          });
        told.add(found.reason);
        return undefined;
    }
  }

  /**
   * The entry, built where it is missing or damaged. Two runs that want it at once build it once: the second waits.
   * @param build fills `workshop.staging(cache.digest(request))`, and may fill those of `alongside`, which are kept too.
   * @throws what `build` throws, CacheFolderError; the signal's reason on abort.
   */
  async entry(
    request: EntryRequest,
    build: (workshop: Workshop) => Promise<void>,
    alongside: readonly EntryRequest[] = [],
  ): Promise<CacheEntry> {
    const told = new Set<string>();
    const found = await this.#lookup(request, told);
    if (found !== undefined) return found;
    return this.#locked(
      request.task,
      async () => (await this.#lookup(request, told)) ?? (await this.#build(request, build, alongside)),
    );
  }

  /**
   * Takes away an entry that is whole but of no use, unless another run has built it anew meanwhile.
   * @throws CacheFolderError; the signal's reason on abort.
   */
  async discard({ directory, manifest }: CacheEntry): Promise<void> {
    const { task } = manifest;
    await this.#locked(task, async () => {
      const present = await readManifest(directory);
      if (present !== undefined && present.builtAt !== manifest.builtAt) return;
      const bench = join(this.context.cacheRoot, 'build', task);
      await mkdir(bench, { recursive: true });
      await this.#stepAside(directory, bench);
      await rm(bench, { recursive: true, force: true, maxRetries: 3 });
    });
  }

  async #locked<T>(task: string, work: () => Promise<T>): Promise<T> {
    const { signal, cacheRoot } = this.context;
    const detail = `another run is building ${task}`;
    const onWait = (): void => this.context.onProgress({ task, step: 'wait', state: 'waiting', detail });
    try {
      return await withLock(join(cacheRoot, 'locks', `${task}.lock`), work, {
        onWait,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      throw cacheError(cacheRoot, cause);
    }
  }

  /** Holds the task's lock: whatever lies in the task's build folder was left by a run that is dead. */
  async #build(
    request: EntryRequest,
    build: (workshop: Workshop) => Promise<void>,
    alongside: readonly EntryRequest[],
  ): Promise<CacheEntry> {
    const { task } = request;
    const { cacheRoot } = this.context;
    const digest = this.digest(request);
    const benches = join(cacheRoot, 'build', task);
    // A name of its own: what a killed run's compilers still write goes nowhere, not into this build.
    const directory = join(benches, randomBytes(4).toString('hex'));
    const logDirectory = join(cacheRoot, 'logs', `${task}-${digest.slice(0, 8)}`);
    await using releases = new Releases();
    await rm(benches, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    await rm(logDirectory, { recursive: true, force: true });
    releases.add('build folder', () => rm(benches, { recursive: true, force: true, maxRetries: 3 }));
    await mkdir(directory, { recursive: true });
    const timings = await readTimings(cacheRoot, task);
    const workshop = new Workshop({ context: this.context, task, directory, logDirectory, timings });
    await build(workshop);
    const entry = await this.#publish(workshop, request);
    if (entry === undefined) throw new Error(`the build of ${task} ended without staging its result`);
    for (const other of alongside) if (!(await this.lookup(other))) await this.#publish(workshop, other);
    await writeTimings(cacheRoot, task, { ...timings, ...workshop.elapsedMs });
    return entry;
  }

  async #publish(workshop: Workshop, request: EntryRequest): Promise<CacheEntry | undefined> {
    const { task, inputs } = request;
    const digest = this.digest(request);
    const staging = workshop.stagings.get(digest);
    if (staging === undefined) return undefined;
    const manifest = await writeManifest(staging, { task, digest, inputs });
    this.context.signal?.throwIfAborted();
    const directory = this.#entryDirectory(task, digest);
    await this.#replace(staging, directory, workshop.directory);
    return { directory, digest, manifest, reused: false };
  }

  /** A folder cannot be renamed over one with files in it: what is there (damaged, or the same) steps aside first. */
  async #replace(staging: string, directory: string, scratch: string): Promise<void> {
    await mkdir(join(directory, '..'), { recursive: true });
    await this.#stepAside(directory, scratch);
    await rename(staging, directory);
  }

  async #stepAside(directory: string, scratch: string): Promise<void> {
    const aside = `${join(scratch, 'replaced')}-${Date.now()}`;
    // A folder that may not be written cannot be moved either (rename(2), EACCES).
    await chmod(directory, 0o700).catch(() => undefined);
    await rename(directory, aside).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause;
    });
  }

  #entryDirectory(task: string, digest: string): string {
    return join(this.context.cacheRoot, 'entries', `${task}-${digest.slice(0, 32)}`);
  }
}
