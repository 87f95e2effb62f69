import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bootFiles, type GrubImageTools, grubConfigsDirectory } from '../grub/boot-files.ts';
import { Cache } from '../toolchain/cache.ts';
import { digestOfBytes, type KeyInputs } from '../toolchain/digest.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import type { Workshop } from '../toolchain/workshop.ts';
import { packDisk } from './disk.ts';
import { packIso } from './iso.ts';
import { mediumContent } from './medium-content.ts';
import { type PackingTool, packingToolVersion } from './packing-tools.ts';

export type MediumKind = 'iso' | 'disk';

/** A medium with GRUB on it, which boots on BIOS and UEFI; what it boots comes on a payload drive. */
export interface BootMedium {
  readonly kind: MediumKind;
  /** In the cache: for reading only. */
  readonly path: string;
  readonly sha256: string;
}

/** A GRUB build, with the key that stands for its bytes. */
export interface GrubForMedium extends GrubImageTools {
  readonly digest: string;
}

const PACKERS = { iso: packIso, disk: packDisk };
const TOOLS: Readonly<Record<MediumKind, readonly PackingTool[]>> = {
  iso: ['xorriso', 'mformat'],
  disk: ['sfdisk', 'mformat'],
};

/**
 * The boot medium for a GRUB build, from the cache, or packed (about half a second).
 * @throws CommandFailedError, CommandMissingError naming the Debian package, NoSpaceError; the signal's reason on abort.
 */
export async function bootMedium(
  kind: MediumKind,
  build: GrubForMedium,
  context: ToolchainContext,
): Promise<BootMedium> {
  const cache = new Cache(context);
  const request = { task: `medium-${kind}`, inputs: await mediumInputs(kind, build, context.signal) };
  const entry = await cache.entry(request, async (workshop) => {
    const staging = await workshop.staging(cache.digest(request));
    await workshop.step(`pack the boot medium (${kind})`, 500, () =>
      packMedium(kind, build, workshop, staging),
    );
  });
  const [name, file] = Object.entries(entry.manifest.files)[0] ?? [];
  if (name === undefined || file === undefined)
    throw new Error(`${entry.directory} holds no medium; remove it`);
  return { kind, path: join(entry.directory, name), sha256: file.sha256 };
}

async function packMedium(
  kind: MediumKind,
  build: GrubForMedium,
  workshop: Workshop,
  staging: string,
): Promise<void> {
  const { signal } = workshop.context;
  const options = signal === undefined ? {} : { signal };
  const files = await bootFiles(build, join(workshop.directory, 'boot-files'), options);
  await PACKERS[kind](await mediumContent(files, grubConfigsDirectory()), staging, options);
}

/** All that decides the medium's bytes: GRUB, its configurations, the packing programs, and this code. */
async function mediumInputs(
  kind: MediumKind,
  build: GrubForMedium,
  signal?: AbortSignal,
): Promise<KeyInputs> {
  const tools = TOOLS[kind].map((tool) => packingToolVersion(tool, signal));
  return {
    grub: build.digest,
    configs: await digestOfFolder(grubConfigsDirectory()),
    tools: await Promise.all(tools),
    packing: await digestOfFolder(import.meta.dirname),
    imaging: await digestOfFolder(join(import.meta.dirname, '../grub'), 'boot-files'),
  };
}

/** Names and bytes of a folder's own files (not of folders in it), tests left out. */
async function digestOfFolder(folder: string, prefix = ''): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && entry.name.startsWith(prefix) && !entry.name.includes('.test.'))
    .map((entry) => entry.name);
  const parts = await Promise.all(
    names.sort().map(async (name) => `${name} ${digestOfBytes(await readFile(join(folder, name)))}`),
  );
  return digestOfBytes(parts.join('\n'));
}
