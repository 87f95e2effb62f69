/** Runs that are made to measure: of thousands of instances, and of repeats that do not agree. */

import type { Instance, InstanceResult, RunEvent } from '../../scenario/contract.ts';
import { flakyResults } from '../../scenario/flaky.ts';
import { instance, OUT_DIRECTORY, result, resultsOf, RUN_ID, type TimedEvent } from './realistic-run.ts';

type Planned = readonly [Instance, Partial<InstanceResult>];

/** Both firmwares at as many bases each: refusals, skips of a reason, a known defect, fails. */
export function hugeRun(bases = 1278, failEvery = 317): TimedEvent[] {
  return runOf(
    (['bios', 'efi'] as const).flatMap((firmware) =>
      Array.from({ length: bases }, (_, i): Planned => {
        const address = (i + 1) * 0x200000;
        const name = `base-0x${address.toString(16).padStart(8, '0')}`;
        const of = instance(name, 'xen-early-boot', firmware, { kind: 'at', address });
        return [of, { durationMs: firmware === 'bios' ? 300 : 500, ...unusual(i, failEvery) }];
      }),
    ),
  );
}

function unusual(index: number, failEvery: number): Partial<InstanceResult> {
  if (index % failEvery === failEvery - 1)
    return {
      verdict: 'crash',
      reason: `triple fault at 0x${(index * 4096).toString(16)}`,
      excerpt: ['dead'],
    };
  if (index % 100 === 7) return { expected: 'GRUB refuses: the firmware keeps it', loadBaseAddress: null };
  if (index % 400 === 9) return { verdict: 'skip', reason: 'no place in the image for it', durationMs: 0 };
  return index % 300 === 5 ? { note: 'known defect of Xen before 4.18: loses 0xffc' } : {};
}

/** One instance four times, of which two died, and another that always fails. */
export function flakyRun(): TimedEvent[] {
  const repeats = (name: string, odd: (repeat: number) => Partial<InstanceResult>): Planned[] =>
    [1, 2, 3, 4].map((repeat) => {
      const plain = instance(name, 'xen-early-boot', 'bios', { kind: 'any' });
      const of = { ...plain, name: `${plain.name}~repeat-${repeat}`, repeat };
      return [of, { repeat: `npx loadbase run ${plain.name}`, ...odd(repeat) }];
    });
  const dies = { verdict: 'crash', reason: 'triple fault at 0x203f41' } as const;
  return runOf([
    ...repeats('base-any', (repeat) => (repeat % 2 === 0 ? dies : {})),
    ...repeats('steady', () => ({ verdict: 'fail', reason: 'never where it should be' })),
  ]);
}

function runOf(planned: readonly Planned[]): TimedEvent[] {
  const instances = planned.map(([of]) => of);
  const started: RunEvent = {
    ...{ kind: 'run-started', runId: RUN_ID, outDirectory: OUT_DIRECTORY, instances, jobs: 2 },
    ...{ accelerators: { bios: 'tcg', efi: 'tcg' }, tools: {} },
  };
  const events: TimedEvent[] = [{ atMs: 0, event: started }];
  const results: InstanceResult[] = [];
  let nowMs = 0;
  for (const [of, changes] of planned) {
    const ended = result(of, changes);
    events.push({ atMs: nowMs, event: { kind: 'instance-started', instance: of, typicalMs: 400 } });
    for (const phase of ['restoring', 'GRUB', 'entry', 'long mode', 'console'])
      events.push({ atMs: nowMs, event: { kind: 'instance-phase', instance: of, phase } });
    nowMs += ended.durationMs / 2;
    events.push({ atMs: nowMs, event: { kind: 'instance-ended', instance: of, result: ended } });
    const before = flakyResults(results, instances).length;
    results.push(ended);
    if (of.repeat === undefined) continue;
    for (const flaky of flakyResults(results, instances).slice(before)) {
      events.push({ atMs: nowMs, event: { kind: 'flake-found', result: flaky } });
      results.push(flaky);
    }
  }
  const whole = resultsOf(results, { planned: planned.length });
  const end: RunEvent = { kind: 'run-ended', results: whole, durationMs: nowMs, interrupted: false };
  return [...events, { atMs: nowMs, event: end }];
}
