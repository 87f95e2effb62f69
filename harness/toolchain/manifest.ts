import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { digestOfFile, type KeyInputs } from './digest.ts';
import { listFiles } from './file-list.ts';

export const MANIFEST_FILE = 'manifest.json';
const MANIFEST_SCHEMA = 'loadbase.cache-entry/1';

export interface ManifestFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** What a cache entry holds, and what it was made from. */
export interface Manifest {
  readonly schema: typeof MANIFEST_SCHEMA;
  readonly task: string;
  /** SHA-256 of `inputs`; the entry's key. */
  readonly digest: string;
  readonly inputs: KeyInputs;
  /** ISO 8601, UTC. */
  readonly builtAt: string;
  /** By path relative to the entry's folder. */
  readonly files: Readonly<Record<string, ManifestFile>>;
}

/** Hashes all files below `directory` and writes its manifest, last of all: an entry without one is not whole. */
export async function writeManifest(
  directory: string,
  identity: Pick<Manifest, 'task' | 'digest' | 'inputs'>,
): Promise<Manifest> {
  const limit = pLimit(8);
  const paths = await listFiles(directory);
  const hashed = await Promise.all(paths.map((path) => limit(() => describeFile(directory, path))));
  const manifest: Manifest = {
    schema: MANIFEST_SCHEMA,
    ...identity,
    builtAt: new Date().toISOString(),
    files: Object.fromEntries(paths.map((path, index) => [path, hashed[index] as ManifestFile])),
  };
  await writeFile(join(directory, MANIFEST_FILE), `${JSON.stringify(manifest, null, 1)}\n`);
  return manifest;
}

export type Verification =
  | { readonly state: 'whole'; readonly manifest: Manifest }
  | { readonly state: 'absent' }
  | { readonly state: 'damaged'; readonly reason: string };

/** Reads the manifest in `directory` and compares every file with it. */
export async function verifyManifest(directory: string, digest: string): Promise<Verification> {
  const found = await kindOf(directory);
  if (found === 'absent') return { state: 'absent' };
  if (found === 'other') return { state: 'damaged', reason: 'something that is no folder has its name' };
  const manifest = await readManifest(directory);
  if (manifest === undefined)
    return { state: 'damaged', reason: `${MANIFEST_FILE} is missing or unreadable` };
  if (manifest.digest !== digest) return { state: 'damaged', reason: `${MANIFEST_FILE} is another entry's` };
  const limit = pLimit(8);
  const problems = await Promise.all(
    Object.entries(manifest.files).map(([path, expected]) =>
      limit(() => compareFile(directory, path, expected)),
    ),
  );
  const reason = problems.find((problem) => problem !== undefined);
  return reason === undefined ? { state: 'whole', manifest } : { state: 'damaged', reason };
}

/** @returns undefined where there is none that can be read. */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(directory, MANIFEST_FILE), 'utf8'));
    return isManifest(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, digest, files } = value as Partial<Manifest>;
  return (
    schema === MANIFEST_SCHEMA &&
    typeof digest === 'string' &&
    typeof files === 'object' &&
    Object.keys(files).length > 0
  );
}

async function describeFile(directory: string, path: string): Promise<ManifestFile> {
  const { size } = await stat(join(directory, path));
  return { sha256: await digestOfFile(join(directory, path), size), sizeBytes: size };
}

async function compareFile(
  directory: string,
  path: string,
  expected: ManifestFile,
): Promise<string | undefined> {
  try {
    const { size } = await stat(join(directory, path));
    if (size !== expected.sizeBytes) return `${path} has ${size} bytes, not ${expected.sizeBytes}`;
    const sha256 = await digestOfFile(join(directory, path), size);
    return sha256 === expected.sha256 ? undefined : `${path} does not have its SHA-256 sum`;
  } catch {
    return `${path} is missing or unreadable`;
  }
}

async function kindOf(path: string): Promise<'folder' | 'other' | 'absent'> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return 'absent';
  return found.isDirectory() ? 'folder' : 'other';
}
