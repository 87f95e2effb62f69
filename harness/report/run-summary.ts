/** What a run came to, in one line. */

import type { RunEnded, RunStarted } from './run-progress.ts';
import { formatClock, formatDuration } from './duration.ts';
import { guestLine } from './escape.ts';
import { NAME_MAX } from './limits.ts';
import type { InstanceResult, Totals, ToolRecord, Verdict } from '../scenario/contract.ts';

/** In the order a reader looks for them. */
export const VERDICT_ORDER: readonly Verdict[] = ['pass', 'fail', 'crash', 'flaky', 'error', 'skip'];
/** Programs a verdict depends on most, as they are spelled; keys of `tools` are these, or begin with these. */
const SHOWN_TOOLS = ['QEMU', 'GRUB', 'Xen'];

/** `['33 pass', '1 fail']`: verdicts that occurred. */
export function totalsText(totals: Totals): string[] {
  return VERDICT_ORDER.filter((verdict) => totals[verdict] > 0).map(
    (verdict) => `${totals[verdict]} ${verdict}`,
  );
}

/** `34 instances: 33 pass, 1 fail in 0:48 (TCG, forks, QEMU 7.2.22, GRUB 2.06-loadbase.1a2b3c4d, Xen 4.17.5)`. */
export function summaryLine({ results, durationMs, interrupted }: RunEnded, started?: RunStarted): string {
  const counts = totalsText(results.totals).join(', ') || 'no verdict';
  const inputs = [
    ...acceleratorNames(started?.accelerators ?? {}),
    ...startNames(results.instances),
    ...toolNames(results.tools),
  ];
  // What was found of several repeats is no instance of the plan.
  const ended = results.instances.length - results.totals.flaky;
  const took = durationMs < 10_000 ? formatDuration(durationMs) : formatClock(durationMs);
  const since = started?.earlier === undefined ? '' : ' since it was resumed';
  return (
    `${interrupted ? 'interrupted: ' : ''}${countText(ended, results.planned)}: ${counts} in ${took}${since}` +
    (inputs.length > 0 ? ` (${inputs.join(', ')})` : '')
  );
}

/** `TCG`, or each where they differ: `KVM (bios)`, `TCG (efi)`. */
export function acceleratorNames(accelerators: Readonly<Record<string, string>>): string[] {
  const names = new Set(Object.values(accelerators));
  return [...names].map((name) => {
    const users = Object.keys(accelerators).filter((user) => accelerators[user] === name);
    const shown = guestLine(name, NAME_MAX).toUpperCase();
    return names.size > 1 ? `${shown} (${users.join(', ')})` : shown;
  });
}

/** `forks` or `cold boots`, or both with their counts: `204 forks`, `2 cold boots`. */
function startNames(instances: readonly Pick<InstanceResult, 'start'>[]): string[] {
  const forks = instances.filter(({ start }) => start === 'fork').length;
  const cold = instances.filter(({ start }) => start === 'cold').length;
  if (forks > 0 && cold > 0)
    return [`${forks} ${forks === 1 ? 'fork' : 'forks'}`, `${cold} cold ${cold === 1 ? 'boot' : 'boots'}`];
  return forks > 0 ? ['forks'] : cold > 0 ? ['cold boots'] : [];
}

export function countText(ended: number, planned = ended): string {
  const noun = planned === 1 ? 'instance' : 'instances';
  return ended === planned ? `${planned} ${noun}` : `${ended} of ${planned} ${noun}`;
}

function toolNames(tools: Readonly<Record<string, ToolRecord>>): string[] {
  const keys = Object.keys(tools);
  return SHOWN_TOOLS.flatMap((name) => {
    const stem = name.toLowerCase();
    const key =
      keys.find((candidate) => candidate.toLowerCase() === stem) ??
      keys.find((candidate) => candidate.toLowerCase().startsWith(stem));
    const record = key === undefined ? undefined : tools[key];
    return record ? [`${name} ${guestLine(record.version, NAME_MAX)}`] : [];
  });
}
