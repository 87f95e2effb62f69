/** What is known of a run while it goes on: a value, made anew by each event. */

import type { Instance, InstanceResult, RunEvent } from '../scenario/contract.ts';

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

export interface RunProgress {
  readonly steps: readonly OpenStep[];
  readonly running: readonly RunningInstance[];
  readonly ended: readonly EndedInstance[];
  readonly run?: { readonly started: RunStarted; readonly startedMs: number };
}

export const NO_PROGRESS: RunProgress = { steps: [], running: [], ended: [] };

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
      return { ...progress, run: { started: event, startedMs: nowMs } };
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
      return {
        ...progress,
        running: progress.running.filter((each) => !isSame(each.instance, event.instance)),
        ended: [...progress.ended, { instance: event.instance, result: event.result }],
      };
    case 'run-ended':
      return { ...progress, steps: [], running: [] };
    case 'notice':
      return progress;
  }
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
  const elapsedMs = new Map(
    progress.running.map((each) => [keyOf(each.instance), nowMs - each.startedMs] as const),
  );
  const rests = withoutVerdict(progress).map((instance) =>
    Math.max(0, (usualMs(instance) ?? 0) - (elapsedMs.get(keyOf(instance)) ?? 0)),
  );
  const sumMs = rests.reduce((sum, rest) => sum + rest, 0);
  const longestMs = rests.reduce((longest, rest) => Math.max(longest, rest), 0);
  return Math.max(longestMs, sumMs / Math.max(1, progress.run.started.jobs));
}

/** The mean for an instance's scenario and firmware, else for its firmware, else of all (also asked with undefined). */
function usualDurations(progress: RunProgress): (instance: Instance | undefined) => number | undefined {
  const sums = new Map<string, { count: number; totalMs: number }>();
  const learn = (instance: Instance, durationMs: number) => {
    for (const key of likeness(instance)) {
      const sum = sums.get(key) ?? { count: 0, totalMs: 0 };
      sums.set(key, { count: sum.count + 1, totalMs: sum.totalMs + durationMs });
    }
  };
  for (const { instance, result } of progress.ended)
    if (result.verdict !== 'skip') learn(instance, result.durationMs);
  for (const { instance, typicalMs } of progress.running)
    if (typicalMs !== undefined) learn(instance, typicalMs);
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
