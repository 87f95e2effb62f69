/** Trials as text: a line each, and the kill rate with its reasons. Pure. */
import type { InstanceResult } from '../scenario/contract.ts';
import type { Trial } from './trials.ts';

export interface KillRate {
  /** Of the trials that must be noticed. */
  readonly killed: number;
  readonly of: number;
  /** Not noticed, noticed as something else, or not tried though they should have been: the run fails. */
  readonly failed: readonly Trial[];
  /** Not killable yet, and not killed; a host that failed is no excuse. */
  readonly waiting: readonly Trial[];
}

export function killRate(trials: readonly Trial[]): KillRate {
  const isWaiting = ({ defect, fate }: Trial) =>
    defect.needs !== undefined && (fate === 'survived' || fate === 'misnamed');
  const due = trials.filter((trial) => !isWaiting(trial));
  return {
    killed: due.filter(({ fate }) => fate === 'killed').length,
    of: due.length,
    failed: due.filter(({ fate }) => fate !== 'killed'),
    waiting: trials.filter(isWaiting),
  };
}

const COLUMNS = ['defect', 'depth', 'instance', 'fate', 'witness', 'time'] as const;

export function killTable(trials: readonly Trial[]): string {
  const rows = trials.map((trial) => [
    trial.defect.name,
    trial.defect.make.depth,
    trial.instance.replace(/^[^~]*~/, ''),
    trial.fate,
    trial.witness,
    `${(trial.durationMs / 1000).toFixed(1)} s`,
  ]);
  const all = [[...COLUMNS], ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Math.floor((100 * part) / whole)} %`;
}

/** The rate, and why each trial that was not killed was not. */
export function killSummary(trials: readonly Trial[]): string {
  const { killed, of, failed, waiting } = killRate(trials);
  const say = ({ defect, instance, why }: Trial, extra = '') =>
    `  ${defect.name} on ${instance}: ${why}${extra}`;
  return [
    `${killed} of ${trials.length} trials killed (${percent(killed, trials.length)}); ` +
      `of the ${of} that can be killed yet: ${percent(killed, of)}`,
    ...(failed.length > 0 ? ['not killed:', ...failed.map((trial) => say(trial))] : []),
    ...(waiting.length > 0
      ? ['not killable yet:', ...waiting.map((trial) => say(trial, ` [needs ${trial.defect.needs ?? ''}]`))]
      : []),
  ].join('\n');
}

export function cleanSummary(results: readonly InstanceResult[]): string {
  const alarms = results.filter(({ verdict }) => verdict !== 'pass');
  return [
    `${results.length - alarms.length} of ${results.length} ordinary instances passed; ${alarms.length} false alarms`,
    ...alarms.map(({ name, verdict, reason }) => `  ${name}: ${verdict}: ${reason}`),
  ].join('\n');
}
