import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandMissingError } from '../process/errors.ts';
import { applyPatchSeries, type Patch, readPatchSeries } from '../sources/patch-series.ts';
import type { ResolvedSource } from '../sources/resolved-source.ts';
import { resolveSource, resolveSourceIfCached } from '../sources/resolve-source.ts';
import { verifyFeatures } from '../sources/source-features.ts';
import type { SourceSpec } from '../sources/source-spec.ts';
import { Cache, type CacheEntry, type EntryRequest } from '../toolchain/cache.ts';
import { compilerIdentity } from '../toolchain/compiler.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import type { Workshop } from '../toolchain/workshop.ts';
import { compileXen, DEBUG_FLAGS, FIXED_IDENTITY, KCONFIG, MAKE_VARIABLES, stageXen } from './compile.ts';

/** Raise it when the steps change in a way that the key's other parts do not show. */
const RECIPE = 1;
const MEASURED_UNPACK_MS = 2_000;

/** What tells Xen's source from any other folder. */
const XEN_FEATURES = [
  {
    file: 'xen/arch/x86/boot/head.S',
    description: 'has a Multiboot2 header',
    pattern: /MULTIBOOT2_HEADER_MAGIC/,
  },
];

export interface XenRequest {
  readonly source: SourceSpec;
  /** A folder with a patch series, applied to the source. */
  readonly patchesDirectory?: string;
}

/** A built Xen hypervisor, whole and checked. */
export interface XenBuild {
  readonly directory: string;
  /** The cache key, 64 hexadecimal digits. */
  readonly digest: string;
  readonly sourceLabel: string;
  /** Path of `xen`: the ELF32 that a boot loader loads. */
  readonly image: string;
  /** Path of `xen-syms`: the ELF64 with symbols and DWARF line tables, its file names relative to the source. */
  readonly symbols: string;
  /** Path of the full Kconfig configuration. */
  readonly config: string;
}

/**
 * The hypervisor, from the cache or built.
 * @throws SourceUnavailableError, SourceSpecError, SourceFeatureMissingError, PatchSeriesError, PatchFailedError,
 *   BuildFailedError, CacheFolderError, CommandMissingError; the signal's reason on abort.
 */
export async function xenBuild(request: XenRequest, context: ToolchainContext): Promise<XenBuild> {
  const source = await resolveSource(request.source, context);
  const plan = await planBuild(request, source, context);
  return describeBuild(await plan.cache.entry(plan.entry, (workshop) => build(workshop, plan)), plan);
}

/** Like {@link xenBuild}, but never builds and needs no network: undefined where it is not in the cache. */
export async function xenBuildIfCached(
  request: XenRequest,
  context: ToolchainContext,
): Promise<XenBuild | undefined> {
  const source = await resolveSourceIfCached(request.source, context);
  if (source === undefined) return undefined;
  try {
    const plan = await planBuild(request, source, context);
    const entry = await plan.cache.lookup(plan.entry);
    return entry && describeBuild(entry, plan);
  } catch (error) {
    // Without a compiler there is no key to look for.
    if (error instanceof CommandMissingError) return undefined;
    throw error;
  }
}

interface Plan {
  readonly cache: Cache;
  readonly source: ResolvedSource;
  readonly patches: readonly Patch[];
  readonly entry: EntryRequest;
}

async function planBuild(
  request: XenRequest,
  source: ResolvedSource,
  context: ToolchainContext,
): Promise<Plan> {
  const patches =
    request.patchesDirectory === undefined ? [] : await readPatchSeries(request.patchesDirectory);
  const inputs = {
    recipe: RECIPE,
    source: source.digest,
    patches: patches.map(({ digest, strip }) => `${digest} -p${strip}`),
    kconfig: KCONFIG,
    make: MAKE_VARIABLES,
    flags: DEBUG_FLAGS,
    identity: FIXED_IDENTITY,
    compiler: await compilerIdentity(context),
  };
  return { cache: new Cache(context), source, patches, entry: { task: 'xen', inputs } };
}

async function build(workshop: Workshop, plan: Plan): Promise<void> {
  const source = join(workshop.directory, 'source');
  await mkdir(source);
  await workshop.step('unpack', MEASURED_UNPACK_MS, () => plan.source.materialise(source));
  if (plan.patches.length > 0)
    await workshop.step('patch', 100, () => applyPatchSeries(source, plan.patches, workshop));
  await verifyFeatures(source, plan.source.label, XEN_FEATURES);
  await compileXen(workshop, source);
  await stageXen(source, await workshop.staging(plan.cache.digest(plan.entry)));
}

function describeBuild({ directory, digest }: CacheEntry, plan: Plan): XenBuild {
  return {
    directory,
    digest,
    sourceLabel: plan.source.label,
    image: join(directory, 'xen'),
    symbols: join(directory, 'xen-syms'),
    config: join(directory, 'config'),
  };
}
