/**
 * results.json, whole and readable at any moment, at a cost per instance that does not grow with the run.
 *
 * It is kept in two copies, one an instance behind the other. What ended is written into the one that is behind (one
 * positioned write: the new instances and the new tail over its old one), synced, and only then renamed to
 * results.json, after the copy that bore that name was given another (link(2)). So what bears the name is never
 * written to: kill -9, a full disk or a power cut in the middle of a write leaves the last whole state.
 *
 * One file overwritten in place would not do: a kill ends write(2) between two pages (Linux, generic_perform_write
 * looks for fatal signals), and a full disk anywhere. The price is a second file, hidden, as long as the run goes on.
 */
import { link, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeError } from '../workdir/folder-errors.ts';
import { totalsOf, type InstanceResult, type Results } from './contract.ts';
import { ResultsCopy } from './results-copy.ts';

export type ResultsHead = Pick<Results, 'runId' | 'startedAt' | 'host' | 'tools' | 'planned'>;

/** Names of the copy that is behind. */
const SPARE_NAMES = ['.results.json.a', '.results.json.b'] as const;

export class ResultsFile implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;
  #results: Results;
  #writing: Promise<void> = Promise.resolve();
  /** What is on disk; undefined: nothing of this run yet. */
  #published: Results | undefined;
  #shown: ResultsCopy | undefined;
  #behind: ResultsCopy | undefined;

  /**
   * @param before results that are already had, of the same run.
   * @param linkFile link(2), for tests: on a file system without it each write is of the whole file.
   */
  constructor(
    directory: string,
    head: ResultsHead,
    before: readonly InstanceResult[] = [],
    readonly linkFile: typeof link = link,
  ) {
    this.#directory = directory;
    this.path = join(directory, 'results.json');
    this.#results = {
      schema: 'loadbase.results/1',
      ...head,
      finished: false,
      instances: before,
      totals: totalsOf(before),
    };
  }

  get results(): Results {
    return this.#results;
  }

  /** @throws NoSpaceError, UnwritableFolderError; results.json is then as it was. */
  async add(result: InstanceResult): Promise<void> {
    const { instances, totals } = this.#results;
    await this.#write({
      ...this.#results,
      instances: [...instances, result],
      totals: { ...totals, [result.verdict]: totals[result.verdict] + 1 },
    });
  }

  /** Replaces a results.json of another run. @throws as {@link add} */
  async start(): Promise<void> {
    await this.#write(this.#results);
  }

  /** @throws as {@link add} */
  async finish(): Promise<void> {
    await this.#write({ ...this.#results, finished: true });
  }

  /** Leaves results.json alone in the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    for (const copy of [this.#shown, this.#behind]) await copy?.close();
    this.#shown = this.#behind = undefined;
    for (const name of SPARE_NAMES) await rm(join(this.#directory, name), { force: true }).catch(() => {});
  }

  /** One write after the other; those that wait for the same one are written together. */
  async #write(results: Results): Promise<void> {
    this.#results = results;
    const mine = this.#writing.then(() => this.#publish());
    this.#writing = mine.catch(() => undefined);
    await mine;
  }

  async #publish(): Promise<void> {
    const results = this.#results;
    if (this.#published === results) return;
    try {
      const next = (this.#behind ??= await this.#newCopy());
      await next.bring(results);
      const replaced = await this.#named(this.#shown);
      await rename(next.sparePath, this.path);
      [this.#shown, this.#behind] = [next, replaced];
      this.#published = results;
    } catch (cause) {
      throw writeError(this.path, cause);
    }
  }

  /** A copy that is about to lose the name results.json gets its own again. @returns undefined where it cannot. */
  async #named(shown: ResultsCopy | undefined): Promise<ResultsCopy | undefined> {
    if (shown === undefined) return undefined;
    await rm(shown.sparePath, { force: true });
    try {
      await this.linkFile(this.path, shown.sparePath);
      return shown;
    } catch (cause) {
      if (!NO_LINKS.includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
      await shown.close();
      return undefined;
    }
  }

  async #newCopy(): Promise<ResultsCopy> {
    const taken = this.#shown?.sparePath;
    const name = SPARE_NAMES.find((each) => join(this.#directory, each) !== taken) ?? SPARE_NAMES[0];
    return ResultsCopy.create(join(this.#directory, name));
  }
}

/** errno(3) of a file system that knows no hard links: vfat, some network and FUSE file systems. */
const NO_LINKS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];
