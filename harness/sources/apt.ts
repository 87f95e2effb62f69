import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailedError } from '../process/errors.ts';
import { run } from '../process/run.ts';
import { SourceUnavailableError } from './source-errors.ts';

/** Where Debian keeps its archive keys (package debian-archive-keyring). */
const ARCHIVE_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const NETWORK_TIMEOUT_MS = 300_000;

/**
 * A private APT: the machine's own package archives, asked for source packages, with lists and cache of our own. The
 * machine's lists are not touched, and `deb-src` need not be enabled. Works as any user.
 */
export class PrivateApt {
  constructor(
    readonly directory: string,
    readonly signal?: AbortSignal,
  ) {}

  /**
   * Fetches the lists of source packages of the archives that the machine is set up for.
   * @throws SourceUnavailableError
   */
  async update(): Promise<void> {
    const lines = await this.#sourceLines();
    await rm(this.directory, { recursive: true, force: true });
    for (const folder of ['lists/partial', 'cache/archives/partial', 'parts'])
      await mkdir(join(this.directory, folder), { recursive: true });
    await writeFile(join(this.directory, 'sources.list'), lines.map((line) => `${line}\n`).join(''));
    await this.#apt('apt-get', ['update']);
  }

  /** The versions of a source package on offer, newest first. */
  async versions(sourcePackage: string): Promise<string[]> {
    const stdout = await this.#apt('apt-cache', ['showsrc', '--only-source', sourcePackage]).catch(() => '');
    const versions = new Set([...stdout.matchAll(/^Version: (\S+)$/gm)].map((match) => match[1] ?? ''));
    return await sortedNewestFirst([...versions]);
  }

  /**
   * Downloads one version's files into `into`; APT checks them against its signed lists.
   * @throws CommandFailedError
   */
  async download(sourcePackage: string, version: string, into: string): Promise<void> {
    await this.#apt('apt-get', ['source', '--download-only', `${sourcePackage}=${version}`], into);
  }

  async #apt(tool: string, args: readonly string[], cwd = this.directory): Promise<string> {
    const at = (path: string): string => join(this.directory, path);
    const settings = {
      'Dir::Etc::sourcelist': at('sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::State::lists': at('lists'),
      'Dir::Cache': at('cache'),
      // Root's downloads would be handed to user _apt, which may not enter our folder.
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '2',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const { stdout } = await run(tool, ['-q', ...options, ...args], {
      cwd,
      env: { LC_ALL: 'C', APT_CONFIG: undefined },
      timeoutMs: NETWORK_TIMEOUT_MS,
      package: 'apt',
      ...(this.signal === undefined ? {} : { signal: this.signal }),
    });
    return stdout;
  }

  /** `deb-src` lines for every archive of Debian that the machine takes binary packages from. */
  async #sourceLines(): Promise<string[]> {
    const signedBy = existsSync(ARCHIVE_KEYRING) ? ` [signed-by=${ARCHIVE_KEYRING}]` : '';
    const format = `deb-src${signedBy} $(REPO_URI) $(RELEASE) $(COMPONENT)`;
    const { stdout } = await run(
      'apt-get',
      ['indextargets', '--format', format, 'Created-By: Packages', 'Origin: Debian'],
      { env: { LC_ALL: 'C' }, timeoutMs: 30_000, package: 'apt' },
    );
    const lines = [...new Set(stdout.split('\n').filter((line) => line !== ''))].sort();
    if (lines.length === 0)
      throw new SourceUnavailableError(
        "Debian's list of source packages",
        'apt knows no Debian archive yet (run "apt-get update" as root first)',
      );
    return lines;
  }
}

/** By Debian's own order of versions. @throws CommandMissingError where dpkg is not there. */
export async function sortedNewestFirst(versions: readonly string[]): Promise<string[]> {
  const sorted: string[] = [];
  for (const version of versions) {
    let place = 0;
    while (place < sorted.length && !(await isNewer(version, sorted[place] ?? ''))) place++;
    sorted.splice(place, 0, version);
  }
  return sorted;
}

async function isNewer(a: string, b: string): Promise<boolean> {
  try {
    await run('dpkg', ['--compare-versions', a, 'gt', b], { package: 'dpkg' });
    return true;
  } catch (error) {
    if (error instanceof CommandFailedError && error.exitCode === 1) return false;
    throw error;
  }
}
