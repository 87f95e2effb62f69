/**
 * What is known of a run while it goes on: a value, made anew by each event. Sums are kept, not made when asked: a run
 * may have thousands of instances, and a terminal asks several times a second.
 */

import { totalsOf } from '../scenario/contract.ts';
import type { Instance, InstanceResult, RunEvent, Totals } from '../scenario/contract.ts';

export interface OpenStep {
  readonly task: string;
  readonly step: string;
  readonly startedMs: number;
  readonly typicalMs?: number;
}

export interface RunningInstance {
  readonly instance: Instance;
  readonly startedMs: number;
  readonly phase: string;
  readonly typicalMs?: number;
}

export interface EndedInstance {
  readonly instance: Instance;
  readonly result: InstanceResult;
}

export type RunStarted = Extract<RunEvent, { kind: 'run-started' }>;
export type RunEnded = Extract<RunEvent, { kind: 'run-ended' }>;

interface StartedRun {
  readonly started: RunStarted;
  readonly startedMs: number;
  /** Characters of the longest instance name. */
  readonly widestName: number;
}

/** How many, and how long together. */
interface Sum {
  readonly count: number;
  readonly totalMs: number;
}

/** Instances of one scenario and firmware that have no verdict yet. */
interface OpenInstances {
  readonly example: Instance;
  readonly count: number;
}

export interface RunProgress {
  readonly steps: readonly OpenStep[];
  readonly running: readonly RunningInstance[];
  readonly ended: readonly EndedInstance[];
  /** What was found of several repeats; no instances of the plan. */
  readonly flakes: readonly { readonly result: InstanceResult }[];
  readonly totals: Totals;
  readonly run?: StartedRun;
  /** By likeness: what those that ended took. */
  readonly took: ReadonlyMap<string, Sum>;
  /** By the closest likeness. */
  readonly open: ReadonlyMap<string, OpenInstances>;
}

export const NO_PROGRESS: RunProgress = {
  ...{ steps: [], running: [], ended: [], flakes: [], totals: totalsOf([]) },
  ...{ took: new Map(), open: new Map() },
};

/** @param nowMs milliseconds from the same fixed point at every call. */
export function observe(progress: RunProgress, event: RunEvent, nowMs: number): RunProgress {
  switch (event.kind) {
    case 'preparing': {
      const { kind: _, ...step } = event;
      return { ...progress, steps: [...progress.steps, { ...step, startedMs: nowMs }] };
    }
    case 'prepared':
      return {
        ...progress,
        steps: progress.steps.filter(({ task, step }) => task !== event.task || step !== event.step),
      };
    case 'run-started':
      return { ...progress, run: startedRun(event, nowMs), open: openInstances(event.instances) };
    case 'instance-started': {
      const { kind: _, ...started } = event;
      return {
        ...progress,
        running: [...progress.running, { ...started, startedMs: nowMs, phase: 'starting' }],
      };
    }
    case 'instance-phase':
      return {
        ...progress,
        running: progress.running.map((each) =>
          isSame(each.instance, event.instance) ? { ...each, phase: event.phase } : each,
        ),
      };
    case 'instance-ended':
      return withEnded(progress, event);
    case 'flake-found':
      return {
        ...progress,
        flakes: [...progress.flakes, { result: event.result }],
        totals: counted(progress.totals, event.result),
      };
    case 'run-ended':
      return { ...progress, steps: [], running: [] };
    case 'notice':
      return progress;
  }
}

function startedRun(started: RunStarted, startedMs: number): StartedRun {
  const widestName = started.instances.reduce((widest, { name }) => Math.max(widest, name.length), 0);
  return { started, startedMs, widestName };
}

function openInstances(instances: readonly Instance[]): Map<string, OpenInstances> {
  const open = new Map<string, OpenInstances>();
  for (const example of instances) {
    const [closest = ''] = likeness(example);
    open.set(closest, { example, count: (open.get(closest)?.count ?? 0) + 1 });
  }
  return open;
}

function withEnded(
  progress: RunProgress,
  { instance, result }: Extract<RunEvent, { kind: 'instance-ended' }>,
): RunProgress {
  const [closest = ''] = likeness(instance);
  const left = progress.open.get(closest);
  return {
    ...progress,
    running: progress.running.filter((each) => !isSame(each.instance, instance)),
    ended: [...progress.ended, { instance, result }],
    totals: counted(progress.totals, result),
    took: result.verdict === 'skip' ? progress.took : learnt(progress.took, instance, result.durationMs),
    open: left
      ? new Map(progress.open).set(closest, { ...left, count: Math.max(0, left.count - 1) })
      : progress.open,
  };
}

function counted(totals: Totals, { verdict }: InstanceResult): Totals {
  return { ...totals, [verdict]: totals[verdict] + 1 };
}

function learnt(sums: ReadonlyMap<string, Sum>, instance: Instance, durationMs: number): Map<string, Sum> {
  const more = new Map(sums);
  for (const key of likeness(instance)) {
    const { count, totalMs } = more.get(key) ?? { count: 0, totalMs: 0 };
    more.set(key, { count: count + 1, totalMs: totalMs + durationMs });
  }
  return more;
}

/** Instances of the plan that no verdict is known of. */
export function withoutVerdict(progress: RunProgress): Instance[] {
  const ended = new Set(progress.ended.map(({ instance }) => keyOf(instance)));
  return (progress.run?.started.instances ?? []).filter((instance) => !ended.has(keyOf(instance)));
}

/**
 * How long the rest of the run should take, from what instances of the same scenario and firmware took so far.
 * @returns undefined where nothing is known to tell from.
 */
export function remainingMs(progress: RunProgress, nowMs: number): number | undefined {
  const usualMs = usualDurations(progress);
  if (progress.run === undefined || usualMs(undefined) === undefined) return undefined;
  let [sumMs, longestMs] = [0, 0];
  const runningOf = new Map<string, number>();
  for (const { instance, startedMs } of progress.running) {
    const [closest = ''] = likeness(instance);
    runningOf.set(closest, (runningOf.get(closest) ?? 0) + 1);
    const restMs = Math.max(0, (usualMs(instance) ?? 0) - (nowMs - startedMs));
    sumMs += restMs;
    longestMs = Math.max(longestMs, restMs);
  }
  for (const [closest, { example, count }] of progress.open) {
    const waiting = count - (runningOf.get(closest) ?? 0);
    if (waiting <= 0) continue;
    const eachMs = usualMs(example) ?? 0;
    sumMs += waiting * eachMs;
    longestMs = Math.max(longestMs, eachMs);
  }
  return Math.max(longestMs, sumMs / Math.max(1, progress.run.started.jobs));
}

/** The mean for an instance's scenario and firmware, else for its firmware, else of all (also asked with undefined). */
function usualDurations(progress: RunProgress): (instance: Instance | undefined) => number | undefined {
  const sums = progress.running.reduce<ReadonlyMap<string, Sum>>(
    (known, { instance, typicalMs }) =>
      typicalMs === undefined ? known : learnt(known, instance, typicalMs),
    progress.took,
  );
  return (instance) => {
    const sum = likeness(instance)
      .map((key) => sums.get(key))
      .find((found) => found !== undefined);
    return sum && sum.totalMs / sum.count;
  };
}

function likeness(instance: Instance | undefined): string[] {
  return instance ? [`${instance.scenario}~${instance.firmware}`, instance.firmware, ''] : [''];
}

function isSame(one: Instance, other: Instance): boolean {
  return keyOf(one) === keyOf(other);
}

function keyOf(instance: Instance): string {
  return `${instance.name} ${instance.repeat ?? 1}`;
}
