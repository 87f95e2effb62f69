import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandMissingError } from '../process/errors.ts';
import { applyPatchSeries, type Patch, readPatchSeries } from '../sources/patch-series.ts';
import type { ResolvedSource } from '../sources/resolved-source.ts';
import { resolveSource, resolveSourceIfCached } from '../sources/resolve-source.ts';
import { verifyFeatures } from '../sources/source-features.ts';
import type { SourceSpec } from '../sources/source-spec.ts';
import {
  applyTransforms,
  checkTransforms,
  digestOfTransforms,
  type Transform,
  TransformNotAppliedError,
} from '../sources/transforms.ts';
import { Cache, type CacheEntry, type EntryRequest } from '../toolchain/cache.ts';
import { compilerIdentity } from '../toolchain/compiler.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import type { Workshop } from '../toolchain/workshop.ts';
import { CONFIGURE_FLAGS, GrubTree, HOST_TOOLS } from './compile.ts';
import { GRUB_PLATFORMS, type GrubPlatform, PLATFORM_PARTS, trimmedMakeVariables } from './modules.ts';
import { RELOCATION_FEATURES, versionInConfigureAc, versionSuffixTransform } from './transforms.ts';
import { type GrubVariant, variantsBuiltWith, variantTransforms, versionSuffix } from './variants.ts';

/** Raise it when the steps change in a way that the key's other parts do not show. */
const RECIPE = 1;
const BUILD_FILE = 'build.json';
const MEASURED_UNPACK_MS = 3_000;

export interface GrubRequest {
  readonly source: SourceSpec;
  /** A folder with a patch series, applied before anything of ours. */
  readonly patchesDirectory?: string;
  readonly variant: GrubVariant;
}

/** A built GRUB, whole and checked. */
export interface GrubBuild {
  readonly directory: string;
  /** The cache key, 64 hexadecimal digits. */
  readonly digest: string;
  /** As GRUB says it itself, e.g. `2.06-loadbase.1a2b3c4d`; the boot loader name tag is `GRUB ` and this. */
  readonly version: string;
  readonly sourceLabel: string;
  readonly variant: GrubVariant;
  /** Folders with *.mod, *.img and *.lst. */
  readonly platforms: Readonly<Record<GrubPlatform, string>>;
  /** Path of grub-mkimage. */
  readonly mkimage: string;
  /** Path of grub-script-check. */
  readonly scriptCheck: string;
}

/** The clone was never bootstrapped: GRUB's repository does not hold the gnulib files that its releases carry. */
export class GrubNotBootstrappedError extends Error {
  override readonly name = 'GrubNotBootstrappedError';
  constructor(readonly sourceLabel: string) {
    super(
      `${sourceLabel} has no gnulib, so it cannot be configured: run ./bootstrap in the clone once ` +
        'and pass the folder itself (without #revision), or use a release or Debian source.',
    );
  }
}

/**
 * GRUB for both platforms, from the cache or built; one build makes all kept variants, or all sabotaged ones.
 * @throws SourceUnavailableError, SourceSpecError, SourceFeatureMissingError, GrubNotBootstrappedError,
 *   PatchSeriesError, PatchFailedError, TransformNotAppliedError, BuildFailedError, CacheFolderError,
 *   CommandMissingError; the signal's reason on abort.
 */
export async function grubBuild(request: GrubRequest, context: ToolchainContext): Promise<GrubBuild> {
  const source = await resolveSource(request.source, context);
  const plan = await planBuild(request, source, context);
  const others = variantsBuiltWith(request.variant).filter((variant) => variant !== request.variant);
  const entry = await plan.cache.entry(
    plan.entryOf(request.variant),
    (workshop) => build(workshop, plan),
    others.map((variant) => plan.entryOf(variant)),
  );
  return await describeBuild(entry, plan);
}

/** Like {@link grubBuild}, but never builds and needs no network: undefined where it is not in the cache. */
export async function grubBuildIfCached(
  request: GrubRequest,
  context: ToolchainContext,
): Promise<GrubBuild | undefined> {
  const source = await resolveSourceIfCached(request.source, context);
  if (source === undefined) return undefined;
  try {
    const plan = await planBuild(request, source, context);
    const entry = await plan.cache.lookup(plan.entryOf(request.variant));
    return entry && (await describeBuild(entry, plan));
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
  readonly variant: GrubVariant;
  readonly entryOf: (variant: GrubVariant) => EntryRequest;
}

async function planBuild(
  request: GrubRequest,
  source: ResolvedSource,
  context: ToolchainContext,
): Promise<Plan> {
  const patches =
    request.patchesDirectory === undefined ? [] : await readPatchSeries(request.patchesDirectory);
  const compiler = await compilerIdentity(context);
  const entryOf = (variant: GrubVariant): EntryRequest => ({
    task: 'grub',
    inputs: {
      recipe: RECIPE,
      variant,
      source: source.digest,
      patches: patches.map(({ digest, strip }) => `${digest} -p${strip}`),
      transforms: digestOfTransforms([versionSuffixTransform(''), ...transformsInKey(variant)]),
      configure: CONFIGURE_FLAGS,
      make: GRUB_PLATFORMS.flatMap((platform) => trimmedMakeVariables(PLATFORM_PARTS[platform])),
      tools: HOST_TOOLS,
      compiler,
    },
  });
  return {
    cache: new Cache(context),
    source,
    patches,
    variant: request.variant,
    entryOf,
  };
}

/** The standard variant and its control come from one build and so have one key but for their names. */
function transformsInKey(variant: GrubVariant): readonly Transform[] {
  return variantTransforms(variant === 'standard' ? 'no-relocation' : variant);
}

async function build(workshop: Workshop, plan: Plan): Promise<void> {
  const source = join(workshop.directory, 'source');
  await mkdir(source);
  const tree = new GrubTree(workshop, source);
  await workshop.step('unpack', MEASURED_UNPACK_MS, async () => {
    await plan.source.materialise(source);
    await tree.removeBuiltFiles();
  });
  if (plan.patches.length > 0)
    await workshop.step('patch', 100, () => applyPatchSeries(source, plan.patches, workshop));
  await checkSource(source, plan);
  const suffix = versionSuffix('standard', digestOf(plan, 'standard'));
  await applyTransforms(source, [versionSuffixTransform(suffix)]);
  const version = versionInConfigureAc(await readFile(join(source, 'configure.ac'), 'utf8')) ?? '';
  await tree.compile();
  await stage(tree, plan, 'standard', version);
  let last = version;
  for (const variant of variantsBuiltWith(plan.variant).filter((name) => name !== 'standard'))
    last = await buildVariant(
      tree,
      plan,
      variant,
      last,
      version.replace(suffix, versionSuffix(variant, digestOf(plan, variant))),
    );
}

function digestOf(plan: Plan, variant: GrubVariant): string {
  return plan.cache.digest(plan.entryOf(variant));
}

/** All that can be refused is refused before the first minute of compiling. */
async function checkSource(source: string, plan: Plan): Promise<void> {
  await verifyFeatures(source, plan.source.label, RELOCATION_FEATURES);
  await checkTransforms(source, [versionSuffixTransform(''), ...variantTransforms(plan.variant)]);
  if (!existsSync(join(source, 'grub-core', 'lib', 'gnulib', 'stdlib.in.h')))
    throw new GrubNotBootstrappedError(plan.source.label);
}

/**
 * Changes the same tree, compiles a few modules again and changes it back: seconds, where a second build takes a minute.
 * @returns the version that the tree now bears.
 */
async function buildVariant(
  tree: GrubTree,
  plan: Plan,
  variant: GrubVariant,
  treeVersion: string,
  version: string,
): Promise<string> {
  const transforms = variantTransforms(variant);
  try {
    await checkTransforms(tree.source, transforms);
  } catch (error) {
    if (plan.variant === variant || !(error instanceof TransformNotAppliedError)) throw error;
    const text = `there will be no ${variant === 'no-relocation' ? 'negative control' : variant} of this GRUB: ${error.message}`;
    tree.workshop.notice(`variant ${variant}`, text);
    return treeVersion;
  }
  const files = [...new Set(transforms.map(({ file }) => join(tree.source, file)))];
  const originals = await Promise.all(files.map((file) => readFile(file)));
  await applyTransforms(tree.source, transforms);
  await tree.recompileAs(`variant ${variant}`, treeVersion, version);
  await stage(tree, plan, variant, version);
  await Promise.all(files.map((file, i) => writeFile(file, originals[i] ?? '')));
  return version;
}

async function stage(tree: GrubTree, plan: Plan, variant: GrubVariant, version: string): Promise<void> {
  const staging = await tree.workshop.staging(digestOf(plan, variant));
  await tree.stage(staging);
  for (const platform of GRUB_PLATFORMS) {
    const module = await readFile(join(staging, platform, 'multiboot2.mod'));
    if (!module.includes(`GRUB ${version}\0`))
      throw new Error(
        `multiboot2.mod of ${platform} does not name itself GRUB ${version}; the build is not the one asked for`,
      );
  }
  await writeFile(join(staging, BUILD_FILE), `${JSON.stringify({ version })}\n`);
}

async function describeBuild(entry: CacheEntry, plan: Plan): Promise<GrubBuild> {
  const { directory, digest } = entry;
  const { version } = JSON.parse(await readFile(join(directory, BUILD_FILE), 'utf8')) as { version: string };
  return {
    directory,
    digest,
    version,
    sourceLabel: plan.source.label,
    variant: plan.variant,
    platforms: { 'i386-pc': join(directory, 'i386-pc'), 'x86_64-efi': join(directory, 'x86_64-efi') },
    mkimage: join(directory, 'bin', 'grub-mkimage'),
    scriptCheck: join(directory, 'bin', 'grub-script-check'),
  };
}
