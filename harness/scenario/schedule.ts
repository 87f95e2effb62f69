/**
 * What of a run may start next, as a state machine without clock or effects: slots, memory, groups that need something
 * prepared, and hangs that give their slot back. The same calls in the same order always give the same answers.
 */

export interface ScheduledTask {
  /** Tasks of one group wait until what they share was prepared; absent: nothing is needed. */
  readonly group?: string;
  /** How long it took before; absent where nobody knows. */
  readonly typicalMs?: number;
  /** What is assumed where nobody knows: rather too long, so that it starts early. */
  readonly assumedMs: number;
  /** The most it may take; a promise, as a machine's RAM is a sparse file. */
  readonly memoryMib: number;
}

export interface ScheduleLimits {
  /** Slots. As many again may be in overtime. */
  readonly jobs: number;
  /** Of all that runs, overtime included; what needs more still runs, alone. */
  readonly memoryMib: number;
}

/** What occupies a slot: one of the tasks, or the preparation of a group. */
export type Job =
  { readonly kind: 'task'; readonly index: number } | { readonly kind: 'prepare'; readonly group: string };

interface Entry {
  readonly job: Job;
  /** What must be prepared before: a task's group. */
  readonly needs: string | undefined;
  /** The greater, the earlier: a task's own time, or for a preparation all the work that waits for it. */
  readonly workMs: number;
  readonly typicalMs: number | undefined;
  readonly assumedMs: number;
  readonly memoryMib: number;
}

interface Running {
  readonly entry: Entry;
  readonly sinceMs: number;
  place: 'slot' | 'overtime';
}

/** A task is late only after this long, however short it usually is: a loaded host stalls for seconds. */
export const LATE_AFTER_MS = 10_000;
/** … and after so many times its usual duration. */
export const LATE_FACTOR = 5;
/** How often others may pass by one that memory has no room for, before it is waited for. */
export const MAX_PASSES = 8;
/** A cold UEFI boot up to the hand-off (FACTS: 4.7 s). */
const ASSUMED_PREPARE_MS = 5_000;

export class Schedule {
  /** Not begun yet, the most work first. */
  readonly #waiting: Entry[];
  readonly #running = new Map<Job, Running>();
  readonly #prepared = new Set<string>();
  /** Of tasks that ended in this run, ascending. */
  readonly #durationsMs: number[] = [];
  #passes: { readonly entry: Entry; readonly count: number } | undefined;

  constructor(
    tasks: readonly ScheduledTask[],
    readonly limits: ScheduleLimits,
  ) {
    // Array.sort is stable: what is alike keeps the plan's order, preparations first.
    this.#waiting = [...preparations(tasks), ...tasks.map(taskEntry)].sort((a, b) => b.workMs - a.workMs);
  }

  /** Whether nothing runs and nothing waits. */
  get isOver(): boolean {
    return this.#waiting.length === 0 && this.#running.size === 0;
  }

  /** Begins all that may begin now. @param nowMs milliseconds from the same fixed point at every call. */
  start(nowMs: number): Job[] {
    const started: Job[] = [];
    while (this.#count('slot') < this.limits.jobs) {
      const entry = this.#choose();
      if (!entry) break;
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      this.#running.set(entry.job, { entry, sinceMs: nowMs, place: 'slot' });
      started.push(entry.job);
    }
    return started;
  }

  /** A preparation that failed is over, too: whoever runs the group's tasks knows how to do without. */
  end(job: Job, nowMs: number): void {
    const running = this.#running.get(job);
    if (!running) throw new Error(`${JSON.stringify(job)} does not run`);
    this.#running.delete(job);
    if (job.kind === 'prepare') this.#prepared.add(job.group);
    else insertAscending(this.#durationsMs, nowMs - running.sinceMs);
  }

  /** Takes the slots of those that are far too late; they go on in overtime. */
  giveBackSlots(nowMs: number): void {
    for (const running of this.#running.values())
      if (running.place === 'slot' && this.#hasOvertime() && this.#lateAtMs(running) <= nowMs)
        running.place = 'overtime';
  }

  /** When `giveBackSlots` will have something to do unless something ends before; undefined: never. */
  nextLateMs(): number | undefined {
    if (!this.#hasOvertime() || this.#waiting.length === 0) return undefined;
    const times = [...this.#running.values()].filter(isInSlot).map((running) => this.#lateAtMs(running));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Nothing starts any more. */
  stop(): void {
    this.#waiting.length = 0;
  }

  #choose(): Entry | undefined {
    const ready = this.#waiting.filter(({ needs }) => needs === undefined || this.#prepared.has(needs));
    const [first] = ready;
    if (!first || this.#fits(first)) return first;
    const passes = this.#passes?.entry === first ? this.#passes.count : 0;
    // What only hangs keep from fitting is not waited for: that would be their delaying the others after all.
    if (passes >= MAX_PASSES && this.#fitsBesideOvertime(first)) return undefined;
    const passing = ready.find((entry) => this.#fits(entry));
    if (passing) this.#passes = { entry: first, count: passes + 1 };
    return passing;
  }

  #fits(entry: Entry): boolean {
    return this.#fitsBeside(entry, [...this.#running.values()]);
  }

  #fitsBesideOvertime(entry: Entry): boolean {
    return this.#fitsBeside(
      entry,
      [...this.#running.values()].filter((running) => !isInSlot(running)),
    );
  }

  #fitsBeside({ memoryMib }: Entry, others: readonly Running[]): boolean {
    const usedMib = others.reduce((sum, { entry }) => sum + entry.memoryMib, 0);
    return others.length === 0 || usedMib + memoryMib <= this.limits.memoryMib;
  }

  #lateAtMs({ entry, sinceMs }: Running): number {
    // What a preparation takes says nothing of tasks, nor the other way round.
    const medianMs = entry.job.kind === 'task' ? this.#durationsMs[this.#durationsMs.length >> 1] : undefined;
    const usualMs = entry.typicalMs ?? medianMs ?? entry.assumedMs;
    return sinceMs + Math.max(LATE_AFTER_MS, LATE_FACTOR * usualMs);
  }

  #hasOvertime(): boolean {
    return this.#count('overtime') < this.limits.jobs;
  }

  #count(place: Running['place']): number {
    return [...this.#running.values()].filter((running) => running.place === place).length;
  }
}

function isInSlot({ place }: Running): boolean {
  return place === 'slot';
}

function taskEntry({ group, typicalMs, assumedMs, memoryMib }: ScheduledTask, index: number): Entry {
  const workMs = typicalMs ?? assumedMs;
  return { job: { kind: 'task', index }, needs: group, workMs, typicalMs, assumedMs, memoryMib };
}

/** One a group, in the order in which the groups are first named. It takes what the group's greatest task takes. */
function preparations(tasks: readonly ScheduledTask[]): Entry[] {
  const groups = new Map<string, { workMs: number; memoryMib: number }>();
  for (const { group, typicalMs, assumedMs, memoryMib } of tasks) {
    if (group === undefined) continue;
    const known = groups.get(group) ?? { workMs: 0, memoryMib: 0 };
    groups.set(group, {
      workMs: known.workMs + (typicalMs ?? assumedMs),
      memoryMib: Math.max(known.memoryMib, memoryMib),
    });
  }
  return [...groups].map(([group, sums]) => ({
    ...sums,
    job: { kind: 'prepare', group },
    needs: undefined,
    typicalMs: undefined,
    assumedMs: ASSUMED_PREPARE_MS,
  }));
}

function insertAscending(sorted: number[], value: number): void {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, value);
}
