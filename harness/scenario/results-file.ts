/** results.json: rewritten whole and atomically as instances end, so that a killed run leaves a readable file. */
import { join } from 'node:path';
import { writeFileAtomic } from '../workdir/atomic-file.ts';
import { totalsOf, type InstanceResult, type Results } from './contract.ts';

export class ResultsFile {
  readonly path: string;
  #results: Results;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string, head: Omit<Results, 'schema' | 'finished' | 'instances' | 'totals'>) {
    this.path = join(directory, 'results.json');
    this.#results = {
      schema: 'loadbase.results/1',
      ...head,
      finished: false,
      instances: [],
      totals: totalsOf([]),
    };
  }

  get results(): Results {
    return this.#results;
  }

  /** @throws NoSpaceError, UnwritableFolderError */
  async add(result: InstanceResult): Promise<void> {
    const instances = [...this.#results.instances, result];
    await this.#write({ ...this.#results, instances, totals: totalsOf(instances) });
  }

  async start(): Promise<void> {
    await this.#write(this.#results);
  }

  async finish(): Promise<void> {
    await this.#write({ ...this.#results, finished: true });
  }

  /** One write after the other: the last state wins, and none is half there. */
  async #write(results: Results): Promise<void> {
    this.#results = results;
    const mine = this.#writing.then(() =>
      writeFileAtomic(this.path, `${JSON.stringify(results, undefined, 1)}\n`),
    );
    this.#writing = mine.catch(() => undefined);
    await mine;
  }
}
