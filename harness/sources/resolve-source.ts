import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { resolveDebianSource } from './debian-source.ts';
import { resolveFolderSource } from './folder-source.ts';
import { resolveGitSource } from './git-source.ts';
import type { ResolvedSource } from './resolved-source.ts';
import type { SourceSpec } from './source-spec.ts';

/**
 * Finds the source and its digest; a Debian source package is downloaded if it is not in the cache yet.
 * @throws SourceUnavailableError, SourceSpecError, CommandMissingError
 */
export async function resolveSource(spec: SourceSpec, context: ToolchainContext): Promise<ResolvedSource> {
  switch (spec.kind) {
    case 'debian':
      return await resolveDebianSource(spec.package, context, 'download');
    case 'folder':
      return await resolveFolderSource(spec.path);
    case 'git':
      return await resolveGitSource(spec.path, spec.revision, context);
  }
}

/** Like {@link resolveSource} without any network: undefined where the source package is not in the cache. */
export async function resolveSourceIfCached(
  spec: SourceSpec,
  context: ToolchainContext,
): Promise<ResolvedSource | undefined> {
  if (spec.kind !== 'debian') return await resolveSource(spec, context);
  return await resolveDebianSource(spec.package, context, 'cache-only');
}
