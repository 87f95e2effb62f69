import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CommandFailedError } from '../process/errors.ts';
import { run } from '../process/run.ts';
import { digestOfBytes } from '../toolchain/digest.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import type { ResolvedSource } from './resolved-source.ts';
import { SourceSpecError } from './source-spec.ts';

/** A hook or an alias of the caller's git must not decide which repository we look at. */
const GIT_ENVIRONMENT = {
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
  LC_ALL: 'C',
};

/**
 * One revision of a git clone, read from its object store (`git archive` of the revision's tree): neither the work
 * tree nor the index of the clone is read or written.
 *
 * The tree is archived, not the commit, so that equal content is an equal source: `export-subst` placeholders, which
 * would differ by commit, stay as they are.
 * @throws SourceSpecError where the folder is no clone or has no such revision.
 */
export async function resolveGitSource(
  path: string,
  revision: string,
  context: ToolchainContext,
): Promise<ResolvedSource> {
  const options = {
    env: GIT_ENVIRONMENT,
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  };
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', ['-C', path, ...args], { ...options, package: 'git' })).stdout.trim();
  const ask = async (object: string): Promise<string> => {
    try {
      return await git('rev-parse', '--verify', '--end-of-options', `${revision}^{${object}}`);
    } catch (cause) {
      if (!(cause instanceof CommandFailedError) || context.signal?.aborted) throw cause;
      throw new SourceSpecError(`${path}#${revision}`, `git says: ${cause.tail.join(' ')}`);
    }
  };
  const [commit, tree] = [await ask('commit'), await ask('tree')];
  return {
    digest: digestOfBytes(`git tree ${tree}`),
    label: `${basename(path)}#${revision} (${commit.slice(0, 12)})`,
    async materialise(into) {
      const archive = join(into, '.loadbase-archive.tar');
      await git('archive', '--format=tar', `--output=${archive}`, tree);
      await run('tar', ['-C', into, '-xf', archive], options);
      await rm(archive);
    },
  };
}
