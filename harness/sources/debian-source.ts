import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CommandFailedError } from '../process/errors.ts';
import { withLock } from '../process/lock.ts';
import { run } from '../process/run.ts';
import { digestOfBytes } from '../toolchain/digest.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { PrivateApt } from './apt.ts';
import type { ResolvedSource } from './resolved-source.ts';
import { SourceUnavailableError } from './source-errors.ts';

const STEP_FIND = 'find the source package';
const STEP_DOWNLOAD = 'download the source package';
/** Measured on a machine near a mirror. */
const MEASURED_MS = { [STEP_FIND]: 5_000, [STEP_DOWNLOAD]: 6_000 };

/** A downloaded source package: its .dsc, and beside it the files that names. */
interface Download {
  readonly dsc: string;
  readonly version: string;
  /** Of the .dsc, which itself holds the sums of the other files. */
  readonly digest: string;
}

/**
 * A Debian source package, from the cache, else fetched: the newest version that downloads, unpacks and verifies.
 * (A security archive can name a version whose files are gone, while the main archive's older one is whole.)
 * A version once fetched stays chosen, so that a later run needs no network.
 * @throws SourceUnavailableError, CommandMissingError
 */
export async function resolveDebianSource(
  sourcePackage: string,
  context: ToolchainContext,
  mode: 'download',
): Promise<ResolvedSource>;
/** Without network: undefined where the package is not in the cache. */
export async function resolveDebianSource(
  sourcePackage: string,
  context: ToolchainContext,
  mode: 'cache-only',
): Promise<ResolvedSource | undefined>;
export async function resolveDebianSource(
  sourcePackage: string,
  context: ToolchainContext,
  mode: 'download' | 'cache-only',
): Promise<ResolvedSource | undefined> {
  const keep = join(context.cacheRoot, 'sources', sourcePackage);
  const cached = await findDownload(keep);
  if (cached !== undefined) return asSource(cached, sourcePackage, keep, context);
  if (mode === 'cache-only') return undefined;
  const task = taskName(sourcePackage);
  const fetched = await withLock(
    join(context.cacheRoot, 'locks', `${task}.lock`),
    async () => (await findDownload(keep)) ?? (await fetchNewest(sourcePackage, keep, context)),
    {
      onWait: () =>
        context.onProgress({
          task,
          step: 'wait',
          state: 'waiting',
          detail: `another run fetches ${sourcePackage}`,
        }),
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    },
  );
  return asSource(fetched, sourcePackage, keep, context);
}

function taskName(sourcePackage: string): string {
  return `source-${sourcePackage}`;
}

/** What a rename put there is whole; a damaged file is found by dpkg-source's own sums when it is unpacked. */
async function findDownload(keep: string): Promise<Download | undefined> {
  const names = await readdir(keep).catch(() => []);
  const dsc = names.find((name) => name.endsWith('.dsc'));
  if (dsc === undefined) return undefined;
  const text = await readFile(join(keep, dsc), 'utf8');
  const version = /^Version: (\S+)$/m.exec(text)?.[1];
  if (version === undefined) return undefined;
  return { dsc: join(keep, dsc), version, digest: digestOfBytes(text) };
}

async function fetchNewest(
  sourcePackage: string,
  keep: string,
  context: ToolchainContext,
): Promise<Download> {
  const task = taskName(sourcePackage);
  const scratch = join(context.cacheRoot, 'build', task);
  const apt = new PrivateApt(join(scratch, 'apt'), context.signal);
  await rm(scratch, { recursive: true, force: true });
  try {
    const versions = await told(task, STEP_FIND, context, async () => {
      await unavailable(sourcePackage, apt.update(), context);
      return await apt.versions(sourcePackage);
    });
    if (versions.length === 0)
      throw new SourceUnavailableError(
        sourcePackage,
        'no archive that apt could reach has this source package',
      );
    return await told(task, STEP_DOWNLOAD, context, () =>
      firstThatVerifies({ sourcePackage, versions, apt, scratch, keep, context }),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Fetch {
  readonly sourcePackage: string;
  readonly versions: readonly string[];
  readonly apt: PrivateApt;
  readonly scratch: string;
  readonly keep: string;
  readonly context: ToolchainContext;
}

class IncompleteDownloadError extends Error {
  override readonly name = 'IncompleteDownloadError';
}

async function firstThatVerifies(fetch: Fetch): Promise<Download> {
  const { sourcePackage, context } = fetch;
  const failures: string[] = [];
  for (const [index, version] of fetch.versions.entries()) {
    try {
      return await fetchVersion(fetch, version, join(fetch.scratch, `try-${index}`));
    } catch (cause) {
      context.signal?.throwIfAborted();
      if (!(cause instanceof CommandFailedError) && !(cause instanceof IncompleteDownloadError)) throw cause;
      const reason = cause instanceof CommandFailedError ? reasonIn(cause) : cause.message;
      failures.push(`${version}: ${reason}`);
      const detail = `version ${version} cannot be had (${reason}), trying the next older one`;
      context.onProgress({ task: taskName(sourcePackage), step: STEP_DOWNLOAD, state: 'notice', detail });
    }
  }
  throw new SourceUnavailableError(sourcePackage, `no version could be had: ${failures.join('; ')}`);
}

async function fetchVersion(fetch: Fetch, version: string, folder: string): Promise<Download> {
  const files = join(folder, 'files');
  await mkdir(files, { recursive: true });
  await fetch.apt.download(fetch.sourcePackage, version, files);
  const download = await findDownload(files);
  if (download === undefined) throw new IncompleteDownloadError(`apt gave no .dsc of ${version}`);
  await unpack(download, join(folder, 'unpacked'), fetch.context);
  await rm(fetch.keep, { recursive: true, force: true });
  await mkdir(dirname(fetch.keep), { recursive: true });
  await rename(files, fetch.keep);
  return { ...download, dsc: join(fetch.keep, basename(download.dsc)) };
}

/** dpkg-source checks the sums that the .dsc names, unpacks, and applies the package's own patches. */
async function unpack(download: Download, into: string, context: ToolchainContext): Promise<void> {
  await run('dpkg-source', ['--no-copy', '-x', download.dsc, into], {
    env: { LC_ALL: 'C' },
    package: 'dpkg-dev',
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
}

function asSource(
  download: Download,
  sourcePackage: string,
  keep: string,
  context: ToolchainContext,
): ResolvedSource {
  return {
    digest: download.digest,
    label: `debian ${sourcePackage} ${download.version}`,
    async materialise(into) {
      // dpkg-source wants to make the folder itself.
      await rm(into, { recursive: true });
      try {
        await unpack(download, into, context);
      } catch (cause) {
        context.signal?.throwIfAborted();
        if (!(cause instanceof CommandFailedError)) throw cause;
        const detail = `the downloaded ${sourcePackage} is damaged (${reasonIn(cause)}), fetching it again`;
        context.onProgress({ task: taskName(sourcePackage), step: STEP_DOWNLOAD, state: 'notice', detail });
        await rm(into, { recursive: true, force: true });
        await unpack(await fetchAgain(download, sourcePackage, keep, context), into, context);
      }
    },
  };
}

/** @throws SourceUnavailableError also where another version is on offer by now: the build's key is the old one's. */
async function fetchAgain(
  damaged: Download,
  sourcePackage: string,
  keep: string,
  context: ToolchainContext,
): Promise<Download> {
  await rm(keep, { recursive: true, force: true });
  const fetched = await fetchNewest(sourcePackage, keep, context);
  if (fetched.digest === damaged.digest) return fetched;
  const reason = `version ${damaged.version} is gone, ${fetched.version} was fetched in its place; run again to use it`;
  throw new SourceUnavailableError(sourcePackage, reason);
}

/** The line in which apt or dpkg-source says why. */
function reasonIn(error: CommandFailedError): string {
  return (
    error.tail.find((line) => /^(?:E: |dpkg-source: error)/.test(line)) ?? error.tail.at(-1) ?? error.message
  );
}

async function unavailable(
  sourcePackage: string,
  work: Promise<void>,
  context: ToolchainContext,
): Promise<void> {
  try {
    await work;
  } catch (cause) {
    context.signal?.throwIfAborted();
    if (!(cause instanceof CommandFailedError)) throw cause;
    throw new SourceUnavailableError(sourcePackage, reasonIn(cause), { cause });
  }
}

async function told<T>(
  task: string,
  step: keyof typeof MEASURED_MS,
  context: ToolchainContext,
  work: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  context.onProgress({ task, step, state: 'started', typicalMs: MEASURED_MS[step] ?? 0 });
  const result = await work();
  context.onProgress({ task, step, state: 'done', elapsedMs: Math.round(performance.now() - started) });
  return result;
}
