/** The cache's entries of one kind, kept below a bound: what was not used for longest goes first. */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST_FILE } from './manifest.ts';

export interface EvictionRequest {
  readonly cacheRoot: string;
  /** Entries whose name begins so. */
  readonly prefix: string;
  readonly boundBytes: number;
  /** What was used within that time is spared, and what was left by a build within it. */
  readonly spareMs: number;
  /** Unix time. */
  readonly nowMs: number;
}

/** Entries of one kind. */
export interface EntrySizes {
  readonly count: number;
  readonly sizeBytes: number;
}

interface UsedEntry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedMs: number;
}

/** What a removal that was cut short leaves; the next one goes on with it. */
const REMOVED = 'removed-';

/** Remembers that an entry is in use, for {@link evict}. One that is gone, or may not be written, is no error. */
export async function touchEntry(directory: string, nowMs: number): Promise<void> {
  const seconds = nowMs / 1000;
  await utimes(join(directory, MANIFEST_FILE), seconds, seconds).catch(() => undefined);
}

/** How many entries of a kind there are, and their size on disk as far as it can be read. */
export async function entrySizes(cacheRoot: string, prefix: string): Promise<EntrySizes> {
  const entries = await usedEntries(join(cacheRoot, 'entries'), prefix);
  return { count: entries.length, sizeBytes: totalBytes(entries) };
}

/**
 * Removes entries until the others are within the bound, and what builds of theirs left that were killed. An entry goes by
 * one rename, so whoever looks for it sees it whole or not at all. Never throws: what resists stays.
 * @returns the paths of the entries that went.
 */
export async function evict({
  cacheRoot,
  prefix,
  boundBytes,
  spareMs,
  nowMs,
}: EvictionRequest): Promise<string[]> {
  const folder = join(cacheRoot, 'entries');
  const entries = await usedEntries(folder, prefix);
  const oldestFirst = entries.toSorted((a, b) => a.usedMs - b.usedMs);
  const gone: string[] = [];
  let sizeBytes = totalBytes(entries);
  for (const entry of oldestFirst) {
    if (sizeBytes <= boundBytes || nowMs - entry.usedMs < spareMs) break;
    if (!(await remove(entry.path, folder))) continue;
    gone.push(entry.path);
    sizeBytes -= entry.sizeBytes;
  }
  await sweep(folder, REMOVED, () => true);
  await sweep(join(cacheRoot, 'build'), prefix, (usedMs) => nowMs - usedMs >= spareMs);
  return gone;
}

async function remove(path: string, folder: string): Promise<boolean> {
  const aside = join(folder, `${REMOVED}${randomBytes(4).toString('hex')}`);
  return rename(path, aside).then(
    () => true,
    () => false,
  );
}

async function sweep(folder: string, prefix: string, isOver: (changedMs: number) => boolean): Promise<void> {
  for (const path of await named(folder, prefix)) {
    const changed = await stat(path).catch(() => undefined);
    if (changed && isOver(changed.mtimeMs))
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function usedEntries(folder: string, prefix: string): Promise<UsedEntry[]> {
  return Promise.all((await named(folder, prefix)).map(usedEntry));
}

/** A manifest's time is that of the last use; without one, the folder's own is taken. */
async function usedEntry(path: string): Promise<UsedEntry> {
  const names = await readdir(path).catch(() => []);
  const files = await Promise.all(
    names.map(async (name) => ({ name, found: await stat(join(path, name)).catch(() => undefined) })),
  );
  const sizeBytes = files.reduce((sum, { found }) => sum + (found?.size ?? 0), 0);
  const manifest = files.find(({ name }) => name === MANIFEST_FILE)?.found;
  const used = manifest ?? (await stat(path).catch(() => undefined));
  return { path, sizeBytes, usedMs: used?.mtimeMs ?? 0 };
}

async function named(folder: string, prefix: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(folder, name));
}

function totalBytes(entries: readonly UsedEntry[]): number {
  return entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
