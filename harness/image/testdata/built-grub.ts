import { existsSync } from 'node:fs';
import { cacheRoot as usersCacheRoot } from '../../cli/surroundings.ts';
import { type GrubBuild, grubBuildIfCached } from '../../grub/build.ts';
import type { GrubVariant } from '../../grub/variants.ts';

/**
 * The GRUB that `npm test` builds before it runs the tests, from the user's cache; nothing is built here.
 * @throws Error with the next step where it is not there.
 */
export async function builtGrub(variant: GrubVariant = 'standard'): Promise<GrubBuild> {
  const cacheRoot = usersCacheRoot();
  const context = { cacheRoot, onProgress: () => {} };
  const request = { source: { kind: 'debian', package: 'grub2' }, variant } as const;
  const build = existsSync(cacheRoot) ? await grubBuildIfCached(request, context) : undefined;
  if (build === undefined)
    throw new Error(
      `no built GRUB (${variant}) below ${cacheRoot}; build it first: node bin/loadbase.js build grub`,
    );
  return build;
}
