/** Going on with a run that was stopped: what of it counts, whether it is still the same run, and how it is told. */
import { createHash } from 'node:crypto';
import type { HostRecord, InstanceLabel, InstanceResult, Results, RunEvent, ToolRecord } from './contract.ts';
import { flakyResults } from './flaky.ts';
import { repeatInName } from './instance-name.ts';
import type { ResumedRun } from './run.ts';

/** A folder whose run cannot be gone on with: the message says why, and what to do instead. */
export class ResumeError extends Error {
  override readonly name = 'ResumeError';
}

export const ANEW = 'start a new run, without --resume';

/** How many names a message holds. */
const NAMES_MAX = 3;

/**
 * What counts of `results`: every verdict but `error`, which says nothing about the subject, and `flaky`, which is found
 * anew when the last repeat has ended.
 */
export function resumedRun(results: Results): ResumedRun {
  const { runId, startedAt, host, tools, planned } = results;
  return {
    head: { runId, startedAt, host, tools, planned },
    earlier: results.instances.filter(({ verdict }) => verdict !== 'error' && verdict !== 'flaky'),
  };
}

export function isComplete({ instances, planned, totals }: Results): boolean {
  return instances.length - totals.flaky === planned && totals.error === 0;
}

/** What a complete run comes to. Where it was killed at its very end, what its last repeats say together is missing. */
export function completed(results: Results): readonly InstanceResult[] {
  const { earlier } = resumedRun(results);
  return [...earlier, ...flakyResults(earlier, earlier)];
}

/** Of the names of a run's instances, whatever their order. */
export function namesDigest(instances: readonly Pick<InstanceLabel, 'name'>[]): string {
  const names = instances.map(({ name }) => name).sort();
  return createHash('sha256').update(names.join('\n')).digest('hex');
}

/**
 * @param digest what {@link namesDigest} was when the run began.
 * @throws ResumeError where today's matrix is another.
 */
export function requireSameInstances(
  results: Results,
  digest: string,
  today: readonly Pick<InstanceLabel, 'name'>[],
): void {
  if (namesDigest(today) === digest && today.length === results.planned) return;
  const known = new Set(today.map(({ name }) => name));
  const unknown = results.instances
    .filter(({ name, verdict }) => verdict !== 'flaky' && !known.has(name))
    .map(({ name }) => name);
  const what =
    unknown.length > 0
      ? `there is no ${listed(unknown)} any more`
      : countChange(results.planned, today.length);
  throw new ResumeError(
    `the run ${results.runId} was one of another matrix: ${what}; resume it with the loadbase that began it, or ${ANEW}`,
  );
}

function countChange(then: number, now: number): string {
  return then === now
    ? `what was asked for now stands for other instances than then, though for ${now}, too`
    : `it had ${then} instances, and what was asked for now stands for ${now}`;
}

type Tools = Readonly<Record<string, ToolRecord>>;

/** @throws ResumeError that names what changed. */
export function requireSameTools({ runId, tools }: Pick<Results, 'runId' | 'tools'>, today: Tools): void {
  const changes = changedTools(tools, today);
  if (changes.length === 0) return;
  throw new ResumeError(
    `the run ${runId} was one of other inputs: ${changes.join('; ')}; bring back what it was begun with, or ${ANEW}`,
  );
}

/** One line for each that differs. What has a SHA-256 is the same where that is, whatever it is called. */
function changedTools(before: Tools, today: Tools): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(today)])];
  return names.flatMap((name) => {
    const [then, now] = [before[name], today[name]];
    return isSame(then, now) ? [] : [`${name} was ${described(then)}, is ${described(now)}`];
  });
}

function isSame(then: ToolRecord | undefined, now: ToolRecord | undefined): boolean {
  if (then?.sha256 !== undefined || now?.sha256 !== undefined) return then?.sha256 === now?.sha256;
  return then?.version === now?.version;
}

function described(tool: ToolRecord | undefined): string {
  if (!tool) return 'not there';
  return tool.sha256 === undefined ? tool.version : `${tool.version} (SHA-256 ${tool.sha256.slice(0, 8)}…)`;
}

/** A run of which nothing is left to do, as events: reporters then say what they said at its end. */
export function retold(results: Results, outDirectory: string): RunEvent[] {
  const { instances, runId, tools } = results;
  const labels = instances.filter(({ verdict }) => verdict !== 'flaky').map(labelOf);
  const booted = instances.filter(({ accelerator }) => accelerator !== 'none');
  const ended = instances.map((result): RunEvent => {
    if (result.verdict === 'flaky') return { kind: 'flake-found', result, isEarlier: true };
    return { kind: 'instance-ended', instance: labelOf(result), result, isEarlier: true };
  });
  return [
    {
      kind: 'run-started',
      ...{ runId, outDirectory, instances: labels, jobs: 1, tools },
      accelerators: Object.fromEntries(booted.map(({ firmware, accelerator }) => [firmware, accelerator])),
      earlier: labels.length,
    },
    ...ended,
    { kind: 'run-ended', results, durationMs: 0, interrupted: false },
  ];
}

function labelOf({ name, scenario, firmware }: InstanceResult): InstanceLabel {
  const repeat = repeatInName(name);
  return { name, scenario, firmware, ...(repeat === undefined ? {} : { repeat }) };
}

/** Results say of one host only where they are from. @returns undefined where it is the same. */
export function hostNotice({ host }: Pick<Results, 'host'>, today: HostRecord): string | undefined {
  const keys = Object.keys(host) as (keyof HostRecord)[];
  const changes = keys
    .filter((key) => host[key] !== today[key])
    .map((key) => `${key} was ${host[key]}, is ${today[key]}`);
  if (changes.length === 0) return undefined;
  return `the run was begun on another host: ${changes.join('; ')}; results.json names the first`;
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_MAX;
  return names.slice(0, NAMES_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
