/**
 * What is known of a run while it goes on: a value, made anew by each event. Sums are kept, not made when asked: a run
 * may have thousands of instances, and a terminal asks several times a second.
 */

import type { InstanceLabel, InstanceResult, Instance, RunEvent, Totals } from '../scenario/contract.ts';
import { totalsOf } from '../scenario/contract.ts';
import { type LikesByKind, plannedLikes, remainingOf, withEnded } from './remaining-time.ts';

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
  readonly instance: InstanceLabel;
  readonly result: InstanceResult;
}

export type RunStarted = Extract<RunEvent, { kind: 'run-started' }>;
export type RunEnded = Extract<RunEvent, { kind: 'run-ended' }>;

export interface RunProgress {
  readonly steps: readonly OpenStep[];
  readonly running: readonly RunningInstance[];
  readonly ended: readonly EndedInstance[];
  /** What was found of several repeats; no instances of the plan. */
  readonly flakes: readonly { readonly result: InstanceResult }[];
  /** Of those that ended, and what was found of several repeats. */
  readonly totals: Totals;
  readonly likes: LikesByKind;
  readonly run?: {
    readonly started: RunStarted;
    readonly startedMs: number;
    /** Characters of the longest name. */
    readonly widestName: number;
  };
}

export const NO_PROGRESS: RunProgress = {
  ...{ steps: [], running: [], ended: [], flakes: [] },
  totals: totalsOf([]),
  likes: new Map(),
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
      return withRun(progress, event, nowMs);
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
        totals: withOne(progress.totals, event.result),
        likes: withEnded(progress.likes, event.instance, event.result),
      };
    case 'flake-found':
      return {
        ...progress,
        flakes: [...progress.flakes, { result: event.result }],
        totals: withOne(progress.totals, event.result),
      };
    case 'run-ended':
      return { ...progress, steps: [], running: [] };
    case 'notice':
      return progress;
  }
}

function withRun(progress: RunProgress, started: RunStarted, startedMs: number): RunProgress {
  const widestName = started.instances.reduce((widest, { name }) => Math.max(widest, name.length), 0);
  return { ...progress, likes: plannedLikes(started.instances), run: { started, startedMs, widestName } };
}

function withOne(totals: Totals, { verdict }: InstanceResult): Totals {
  return { ...totals, [verdict]: totals[verdict] + 1 };
}

/** Instances of the plan that no verdict is known of. */
export function withoutVerdict(progress: RunProgress): InstanceLabel[] {
  const ended = new Set(progress.ended.map(({ instance }) => keyOf(instance)));
  return (progress.run?.started.instances ?? []).filter((instance) => !ended.has(keyOf(instance)));
}

/**
 * How long the rest of the run should take, from what instances of the same scenario and firmware took so far.
 * @returns undefined where nothing is known to tell from.
 */
export function remainingMs({ run, likes, running }: RunProgress, nowMs: number): number | undefined {
  return run && remainingOf(likes, running, run.started.jobs, nowMs);
}

function isSame(one: InstanceLabel, other: InstanceLabel): boolean {
  return keyOf(one) === keyOf(other);
}

function keyOf(instance: InstanceLabel): string {
  return `${instance.name} ${instance.repeat ?? 1}`;
}
