import t from 'tap';
import { totalsOf, type Instance, type RunEvent } from '../scenario/contract.ts';
import { NO_PROGRESS, type RunProgress, observe, remainingMs, withoutVerdict } from './run-progress.ts';
import { instance, realisticRun, result } from './testdata/realistic-run.ts';

const bios = ['a', 'b', 'c'].map((name) => instance(name, 's', 'bios', { kind: 'any' }));
const efi = instance('a', 's', 'efi', { kind: 'any' });

function started(instances: readonly Instance[], jobs: number): RunProgress {
  return observe(
    NO_PROGRESS,
    { kind: 'run-started', runId: 'r', outDirectory: 'o', instances, jobs, accelerators: {}, tools: {} },
    0,
  );
}

function after(progress: RunProgress, ...events: [RunEvent, number][]): RunProgress {
  return events.reduce((before, [event, nowMs]) => observe(before, event, nowMs), progress);
}

t.test('nothing is guessed where nothing is known', (t) => {
  t.equal(remainingMs(NO_PROGRESS, 0), undefined);
  t.equal(remainingMs(started(bios, 1), 0), undefined);
  t.end();
});

t.test('the rest is told from likes, shared among jobs, and never less than the longest', (t) => {
  const [first, second] = bios as [Instance, Instance, Instance];
  const one = after(started(bios, 1), [{ kind: 'instance-started', instance: first, typicalMs: 1000 }, 0]);
  t.equal(remainingMs(one, 400), 2600);
  t.equal(remainingMs(one, 5000), 2000, 'an instance that is late counts as about to end');
  const ended = {
    kind: 'instance-ended',
    instance: first,
    result: result(first, { durationMs: 2000 }),
  } as const;
  t.equal(remainingMs(after(one, [ended, 2000]), 2000), 4000, 'what was measured replaces what was typical');
  const parallel = after(
    started([...bios, efi], 8),
    [ended, 0],
    [{ kind: 'instance-started', instance: second }, 0],
  );
  t.equal(
    remainingMs(parallel, 500),
    2000,
    'the firmware that was not seen yet is taken to be like the other',
  );
  t.end();
});

t.test('a skip says nothing about durations', (t) => {
  const [first] = bios as [Instance];
  const skipped = result(first, { verdict: 'skip', durationMs: 0 });
  const progress = after(started(bios, 1), [{ kind: 'instance-ended', instance: first, result: skipped }, 0]);
  t.equal(remainingMs(progress, 0), undefined);
  t.end();
});

t.test('repeats of one name are told apart', (t) => {
  const repeats = [1, 2].map((repeat) => ({ ...efi, repeat }));
  const [first, second] = repeats as [Instance, Instance];
  const progress = after(started(repeats, 1), [
    { kind: 'instance-ended', instance: first, result: result(first) },
    0,
  ]);
  t.same(withoutVerdict(progress), [second]);
  t.end();
});

t.test('after a whole run nothing is open', (t) => {
  const events = realisticRun().map(({ event, atMs }): [RunEvent, number] => [event, atMs]);
  const progress = after(NO_PROGRESS, ...events);
  t.same([progress.steps, progress.running, withoutVerdict(progress)], [[], [], []]);
  t.end();
});

t.test('totals are kept as instances end', (t) => {
  const events = realisticRun().map(({ event, atMs }): [RunEvent, number] => [event, atMs]);
  const { totals, ended } = after(NO_PROGRESS, ...events);
  t.same(totals, totalsOf(ended.map(({ result }) => result)));
  t.end();
});

t.test('what is told of an instance that is in no plan counts for nothing but the totals', (t) => {
  const ended = { kind: 'instance-ended', instance: efi, result: result(efi) } as const;
  const progress = after(started(bios, 1), [ended, 0]);
  t.match([progress.totals.pass, remainingMs(progress, 0)], [1, undefined]);
  t.end();
});
