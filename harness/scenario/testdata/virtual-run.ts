/** A schedule played in virtual time: tasks that last as long as they say, and what each rule says of the outcome. */
import { setImmediate as turn } from 'node:timers/promises';
import { runScheduled, type Clock } from '../run-scheduled.ts';
import type { ScheduledTask, ScheduleLimits } from '../schedule.ts';

export interface VirtualTask extends ScheduledTask {
  readonly name: string;
  /** How long it really takes. */
  readonly lastsMs: number;
}

export interface Occurrence {
  readonly atMs: number;
  readonly what: 'start' | 'end';
  readonly kind: 'task' | 'prepare';
  /** Of the task, or of the group. */
  readonly name: string;
}

/** Time passes only when everybody waits for it. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #due = new Set<{ readonly atMs: number; readonly then: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, then: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, then };
    this.#due.add(entry);
    return () => this.#due.delete(entry);
  }

  /** Until `over` settles. */
  async passUntil(over: Promise<unknown>): Promise<void> {
    const state = { isOver: false };
    const settle = () => (state.isOver = true);
    over.then(settle, settle);
    for (await turn(); !state.isOver; await turn()) {
      const [next] = [...this.#due].sort((a, b) => a.atMs - b.atMs);
      if (!next) throw new Error('everybody waits, and nothing will happen');
      this.#due.delete(next);
      this.#nowMs = next.atMs;
      next.then();
    }
  }
}

export interface Play {
  readonly limits: ScheduleLimits;
  readonly prepareMs?: number;
  readonly prepareFails?: boolean;
  readonly controller?: AbortController;
  /** Told as it happens; what it throws, the task is rejected with. */
  readonly tell?: (occurrence: Occurrence) => void;
}

/** @returns what happened, in order; `error` where the run was rejected. */
export async function play(
  tasks: readonly VirtualTask[],
  { limits, prepareMs = 100, prepareFails = false, controller = new AbortController(), tell }: Play,
): Promise<{ readonly trace: readonly Occurrence[]; readonly error?: unknown }> {
  const clock = new VirtualClock();
  const trace: Occurrence[] = [];
  const last = async (kind: Occurrence['kind'], name: string, lastsMs: number): Promise<void> => {
    const note = (what: Occurrence['what']) => {
      const occurrence = { atMs: clock.nowMs(), what, kind, name };
      trace.push(occurrence);
      tell?.(occurrence);
    };
    note('start');
    await new Promise<void>((resolve) => clock.after(lastsMs, resolve));
    note('end');
  };
  const over = runScheduled({
    tasks,
    limits,
    clock,
    signal: controller.signal,
    prepare: async (group) => {
      await last('prepare', group, prepareMs);
      if (prepareFails) throw new Error('it does not freeze');
    },
    run: (task) => last('task', task.name, task.lastsMs),
  });
  const outcome = over.then(
    () => ({ trace }),
    (error: unknown) => ({ trace, error }),
  );
  await clock.passUntil(outcome);
  return outcome;
}

export const startsOf = (trace: readonly Occurrence[]): string[] =>
  trace.filter(({ what }) => what === 'start').map(({ name }) => name);

export const endMsOf = (trace: readonly Occurrence[], name: string): number =>
  trace.find((each) => each.what === 'end' && each.name === name)?.atMs ?? Number.NaN;

/** Each rule that the trace breaks, in words, by the alphabet. `lateMs`: after how long a task no longer counts as in a slot. */
export function brokenRules(
  tasks: readonly VirtualTask[],
  trace: readonly Occurrence[],
  limits: ScheduleLimits,
  lateMs = Number.POSITIVE_INFINITY,
): string[] {
  const broken = new Set<string>();
  const named = new Map(tasks.map((task) => [task.name, task]));
  const prepared = new Set<string>();
  const running = new Map<string, Occurrence>();
  for (const each of trace) {
    if (each.what === 'end') {
      running.delete(`${each.kind} ${each.name}`);
      if (each.kind === 'prepare') prepared.add(each.name);
      continue;
    }
    running.set(`${each.kind} ${each.name}`, each);
    const task = each.kind === 'task' ? named.get(each.name) : undefined;
    if (task?.group !== undefined && !prepared.has(task.group)) broken.add('a task before its preparation');
    const inSlots = [...running.values()].filter(({ atMs }) => each.atMs - atMs < lateMs);
    if (inSlots.length > limits.jobs) broken.add('more than the slots');
    if (running.size > 2 * limits.jobs) broken.add('more than the slots and overtime');
    const usedMib = [...running.values()].reduce((sum, { name }) => sum + memoryOf(named, name), 0);
    if (running.size > 1 && usedMib > limits.memoryMib) broken.add('more than the memory');
  }
  for (const { name } of tasks)
    if (trace.filter((each) => each.name === name && each.what === 'end').length !== 1)
      broken.add('a task not run exactly once');
  const preparations = trace.filter(({ kind, what }) => kind === 'prepare' && what === 'start');
  if (new Set(preparations.map(({ name }) => name)).size < preparations.length)
    broken.add('a group prepared twice');
  return [...broken].sort();
}

/** A preparation takes what its group's greatest task takes. */
function memoryOf(named: ReadonlyMap<string, VirtualTask>, name: string): number {
  const members = [...named.values()].filter((task) => task.name === name || task.group === name);
  return Math.max(...members.map(({ memoryMib }) => memoryMib));
}
