/** Jobs that wait for a thread, by kind: what a thread made for its first job of a kind serves the others. */

export class JobQueue<Job> {
  readonly #waiting: Job[];
  readonly #kindOf: (job: Job) => string;
  readonly #worthJoining: number;
  /** How many threads are at each kind. */
  readonly #threads = new Map<string, number>();

  /** @param worthJoining jobs of a kind that must wait for each thread at it before another one joins them */
  constructor(jobs: readonly Job[], kindOf: (job: Job) => string = () => '', worthJoining = 1) {
    this.#waiting = [...jobs];
    this.#kindOf = kindOf;
    this.#worthJoining = worthJoining;
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
    const kinds = this.#waiting.map(this.#kindOf);
    const waiting = (kind: string) => kinds.filter((each) => each === kind).length;
    const threads = (kind: string) => this.#threads.get(kind) ?? 0;
    const open = [...new Set(kinds)].filter((kind) => waiting(kind) >= this.#worthJoining * threads(kind));
    const [least] = open.sort((a, b) => threads(a) - threads(b));
    return least === undefined ? -1 : kinds.indexOf(least);
  }

  #count(kind: string, by: number): void {
    this.#threads.set(kind, (this.#threads.get(kind) ?? 0) + by);
  }
}
