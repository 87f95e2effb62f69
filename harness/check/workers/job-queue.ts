/** Jobs that wait for a thread, by kind: what a thread made for its first job of a kind serves the others. */

export class JobQueue<Job> {
  readonly #waiting: Job[];
  readonly #kindOf: (job: Job) => string;
  /** How many threads are at each kind. */
  readonly #threads = new Map<string, number>();

  constructor(jobs: readonly Job[], kindOf: (job: Job) => string = () => '') {
    this.#waiting = [...jobs];
    this.#kindOf = kindOf;
  }

  /**
   * The next job of the same kind, in order; where there is none, of the kind that the fewest threads are at.
   * @param before what the thread did last
   */
  next(before: Job | undefined): Job | undefined {
    const kind = before === undefined ? undefined : this.#kindOf(before);
    const same = this.#waiting.findIndex((job) => this.#kindOf(job) === kind);
    if (kind !== undefined && same < 0) this.#count(kind, -1);
    const at = same >= 0 ? same : this.#leastServed();
    const [job] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (job !== undefined && same < 0) this.#count(this.#kindOf(job), 1);
    return job;
  }

  #leastServed(): number {
    const counts = this.#waiting.map((job) => this.#threads.get(this.#kindOf(job)) ?? 0);
    return counts.indexOf(Math.min(...counts));
  }

  #count(kind: string, by: number): void {
    this.#threads.set(kind, (this.#threads.get(kind) ?? 0) + by);
  }
}
