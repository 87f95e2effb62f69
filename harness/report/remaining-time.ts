/** How long the rest of a run should take, kept in sums, so that it costs nothing to ask in a run of thousands. */

import type { Firmware, InstanceLabel, InstanceResult } from '../scenario/contract.ts';

/** Instances of one scenario and firmware. */
export interface Likes {
  readonly scenario: string;
  readonly firmware: Firmware;
  /** How many have no verdict yet. */
  readonly open: number;
  /** How many were run to a verdict, and how long that took in all. */
  readonly timed: number;
  readonly totalMs: number;
}

export type LikesByKind = ReadonlyMap<string, Likes>;

/** What is under way: how long so far, and how long it took last time. */
export interface UnderWay {
  readonly instance: InstanceLabel;
  readonly startedMs: number;
  readonly typicalMs?: number;
}

export function plannedLikes(instances: readonly InstanceLabel[]): LikesByKind {
  const likes = new Map<string, Likes>();
  for (const instance of instances) {
    const { scenario, firmware } = instance;
    const before = likes.get(kindOf(instance)) ?? { scenario, firmware, open: 0, timed: 0, totalMs: 0 };
    likes.set(kindOf(instance), { ...before, open: before.open + 1 });
  }
  return likes;
}

/** A skip says nothing about durations. */
export function withEnded(likes: LikesByKind, instance: InstanceLabel, result: InstanceResult): LikesByKind {
  const before = likes.get(kindOf(instance));
  if (!before) return likes;
  const { open, timed, totalMs } = before;
  const ran = result.verdict !== 'skip';
  return new Map(likes).set(kindOf(instance), {
    ...before,
    open: open - 1,
    timed: timed + (ran ? 1 : 0),
    totalMs: totalMs + (ran ? result.durationMs : 0),
  });
}

/** @returns undefined where nothing is known to tell from. */
export function remainingOf(
  likes: LikesByKind,
  running: readonly UnderWay[],
  jobs: number,
  nowMs: number,
): number | undefined {
  const usualMs = usualDurations(likes, running);
  if (usualMs(undefined) === undefined) return undefined;
  const rests = running.map(({ instance, startedMs }) =>
    Math.max(0, (usualMs(instance) ?? 0) - (nowMs - startedMs)),
  );
  let sumMs = rests.reduce((sum, rest) => sum + rest, 0);
  let longestMs = Math.max(0, ...rests);
  for (const [kind, each] of likes) {
    const waiting = each.open - running.filter(({ instance }) => kindOf(instance) === kind).length;
    if (waiting <= 0) continue;
    sumMs += waiting * (usualMs(each) ?? 0);
    longestMs = Math.max(longestMs, usualMs(each) ?? 0);
  }
  return Math.max(longestMs, sumMs / Math.max(1, jobs));
}

type Kind = Pick<InstanceLabel, 'scenario' | 'firmware'>;

/** The mean for an instance's scenario and firmware, else for its firmware, else of all (also asked with undefined). */
function usualDurations(
  likes: LikesByKind,
  running: readonly UnderWay[],
): (kind: Kind | undefined) => number | undefined {
  const sums = new Map<string, { count: number; totalMs: number }>();
  const learn = (kind: Kind, count: number, totalMs: number) => {
    for (const key of likeness(kind)) {
      const sum = sums.get(key) ?? { count: 0, totalMs: 0 };
      sums.set(key, { count: sum.count + count, totalMs: sum.totalMs + totalMs });
    }
  };
  for (const each of likes.values()) if (each.timed > 0) learn(each, each.timed, each.totalMs);
  for (const { instance, typicalMs } of running) if (typicalMs !== undefined) learn(instance, 1, typicalMs);
  return (kind) => {
    const sum = likeness(kind)
      .map((key) => sums.get(key))
      .find((found) => found !== undefined);
    return sum && sum.totalMs / sum.count;
  };
}

function likeness(kind: Kind | undefined): string[] {
  return kind ? [kindOf(kind), kind.firmware, ''] : [''];
}

function kindOf({ scenario, firmware }: Kind): string {
  return `${scenario}~${firmware}`;
}
