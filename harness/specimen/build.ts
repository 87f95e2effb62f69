import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cache, type CacheEntry, type EntryRequest } from '../toolchain/cache.ts';
import { compilerIdentity } from '../toolchain/compiler.ts';
import { digestOfBytes } from '../toolchain/digest.ts';
import { listFiles } from '../toolchain/file-list.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import type { Workshop } from '../toolchain/workshop.ts';
import { projectRoot } from '../workdir/project-root.ts';
import { BIOS_64BIT_ENTRY } from './bios-64bit-entry.ts';
import { PROBE } from './probe-variants.ts';
import { SEQUENCES } from './sequences.ts';
import type { Specimen } from './specimen.ts';

/** Raise it when the steps change in a way that the key's other parts do not show. */
const RECIPE = 1;
/** All variants, two at a time. */
const MEASURED_MS = 500;

/** Each warning is an error. */
const COMPILE_FLAGS = ['-Wa,--fatal-warnings', '-Werror'];
const LINK_FLAGS = [
  ...['-nostdlib', '-static', '-no-pie', '-Wl,--fatal-warnings', '-Wl,--build-id=none'],
  // One segment for all is what a plain kernel is.
  ...['-Wl,--no-warn-rwx-segments', '-Wl,-z,noexecstack', '-Wl,-z,max-page-size=0x1000'],
];

const SPECIMENS = {
  probe: PROBE,
  'bios-64bit-entry': BIOS_64BIT_ENTRY,
  sequences: SEQUENCES,
} as const satisfies Record<string, Specimen>;

export type SpecimenName = keyof typeof SPECIMENS;
export const SPECIMEN_NAMES = Object.keys(SPECIMENS) as readonly SpecimenName[];
export type SpecimenVariant<Name extends SpecimenName> = keyof (typeof SPECIMENS)[Name]['variants'] & string;

/** Every variant of a specimen, whole and checked. */
export interface SpecimenBuild<Name extends SpecimenName = 'probe'> {
  readonly directory: string;
  /** The cache key, 64 hexadecimal digits. */
  readonly digest: string;
  /** Variant → path of its ELF image, in the table's order. */
  readonly images: ReadonlyMap<SpecimenVariant<Name>, string>;
}

/**
 * All variants of a specimen, from the cache or built (half a second).
 * @param root the folder that has `specimens/`: loadbase's own, but for tests.
 * @throws BuildFailedError, CacheFolderError, CommandMissingError, ProjectRootError; NodeJS.ErrnoException where a
 *   source cannot be read; the signal's reason on abort.
 */
export async function specimenBuild<Name extends SpecimenName>(
  name: Name,
  context: ToolchainContext,
  root: string = projectRoot(),
): Promise<SpecimenBuild<Name>> {
  const specimen: Specimen = SPECIMENS[name];
  const sources = await readSources(join(root, specimen.folder));
  const cache = new Cache(context);
  const entry: EntryRequest = {
    task: `specimen-${name}`,
    inputs: {
      recipe: RECIPE,
      sources: Object.fromEntries([...sources].map(([file, bytes]) => [file, digestOfBytes(bytes)])),
      specimen: { ...specimen, variants: { ...specimen.variants } },
      flags: [...COMPILE_FLAGS, ...LINK_FLAGS],
      compiler: await compilerIdentity(context),
    },
  };
  const made = await cache.entry(entry, (workshop) =>
    build(workshop, specimen, sources, cache.digest(entry)),
  );
  return describeBuild(made, name);
}

type Sources = ReadonlyMap<string, Buffer>;

/** Read once: what is compiled is what the key stands for, whoever edits meanwhile. */
async function readSources(folder: string): Promise<Sources> {
  const files = await listFiles(folder);
  return new Map(
    await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file))] as const)),
  );
}

async function build(
  workshop: Workshop,
  specimen: Specimen,
  sources: Sources,
  digest: string,
): Promise<void> {
  const folder = join(workshop.directory, 'source');
  await mkdir(folder);
  for (const [file, bytes] of sources) await writeFile(join(folder, file), bytes);
  const staging = await workshop.staging(digest);
  await workshop.step('assemble', MEASURED_MS, async () => {
    const variants = Object.entries(specimen.variants).map(([name, definitions]) =>
      assemble(workshop, specimen, { folder, staging, name, definitions }),
    );
    // All are awaited: what a failure leaves running would write into a folder that is being removed.
    const failed = (await Promise.allSettled(variants)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  });
}

interface Assembly {
  readonly folder: string;
  readonly staging: string;
  readonly name: string;
  readonly definitions: readonly string[];
}

async function assemble(workshop: Workshop, specimen: Specimen, assembly: Assembly): Promise<void> {
  const { folder, staging, name } = assembly;
  const definitions = assembly.definitions.map((definition) => `-D${definition}`);
  const script = join(workshop.directory, `${name}.ld`);
  const gcc = (args: readonly string[]): Promise<unknown> =>
    workshop.command(`assemble ${name}`, 'gcc', args, { cwd: folder });
  await gcc(['-E', '-P', '-x', 'c', ...definitions, specimen.linkerScript, '-o', script]);
  await gcc([
    ...[`-m${specimen.bits}`, ...COMPILE_FLAGS, ...LINK_FLAGS, `-Wl,-T,${script}`, ...definitions],
    ...['-x', 'assembler-with-cpp', specimen.source, '-o', join(staging, name)],
  ]);
}

function describeBuild<Name extends SpecimenName>(
  { directory, digest }: CacheEntry,
  name: Name,
): SpecimenBuild<Name> {
  const names = Object.keys(SPECIMENS[name].variants) as SpecimenVariant<Name>[];
  return { directory, digest, images: new Map(names.map((variant) => [variant, join(directory, variant)])) };
}
