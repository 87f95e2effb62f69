/** Runs of which a part is known: repeats that disagree, and runs that go on. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bench } from '../qemu/testdata/bench.ts';
import type { RunEvent } from './contract.ts';
import { nameWithoutRepeat } from './instance-name.ts';
import { resumedRun } from './resumption.ts';
import { runAll } from './run.ts';
import { runFolder } from './testdata/fake-run.ts';
import { onDisk, repeats, request } from './testdata/run-bench.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

t.test(
  'repeats that do not agree are flaky: one more result, told and kept, of the whole group',
  async (t) => {
    const at = bench(t);
    runFolder(at);
    const events: RunEvent[] = [];
    const emit = (event: RunEvent) => void events.push(event);
    const more = { emit, jobs: 2, repeatCommand: () => 'npx loadbase run small' };
    const planned = await repeats(at, 4);
    const results = await runAll(await request(at, 'resets-every-other-time', planned, more));
    t.match(results, { finished: true, planned: 4, totals: { pass: 2, crash: 2, flaky: 1 } });
    t.strictSame(onDisk(at), results);
    const [flaky] = results.instances.filter(({ verdict }) => verdict === 'flaky');
    t.match(flaky, {
      name: nameWithoutRepeat(planned[0]?.instance.name ?? ''),
      reason: /^2 of 4 pass, 2 crash \(repeat-2, repeat-4\); crash: “.*” in 2$/,
      repeat: 'npx loadbase run small --repeat 4',
    });
    t.match(flaky?.evidence['serial'], /~repeat-2\/serial\.log$/);
    t.ok(existsSync(join(at.directory, 'run', flaky?.evidence['serial'] ?? '')));
    t.equal(results.instances.at(-1), flaky, 'after the last of its repeats');
    t.match(events.slice(-2), [{ kind: 'flake-found', result: { verdict: 'flaky' } }, { kind: 'run-ended' }]);
  },
);

t.test('a resumed run judges repeats of before and of now together, and what was flaky anew', async (t) => {
  const at = bench(t);
  runFolder(at);
  const all = await repeats(at, 4);
  const controller = new AbortController();
  const stop = (event: RunEvent) => {
    if (event.kind === 'instance-ended' && event.instance.repeat === 2) controller.abort();
  };
  const fake = 'resets-every-other-time';
  await runAll(await request(at, fake, all, { emit: stop, signal: controller.signal }));
  const stopped = onDisk(at);
  t.match(stopped, { finished: false, totals: { pass: 1, crash: 1, flaky: 0 } });
  const events: RunEvent[] = [];
  const emit = (event: RunEvent) => void events.push(event);
  const whole = await runAll(await request(at, fake, all, { emit, resumed: resumedRun(stopped) }));
  t.match(whole, { finished: true, totals: { pass: 2, crash: 2, flaky: 1 }, instances: { length: 5 } });
  t.match(whole.instances.at(-1)?.reason, /^2 of 4 pass, 2 crash \(repeat-2, repeat-4\)/);
  t.match(events.at(-2), { kind: 'flake-found' });
  t.notOk(events.some((event) => event.kind === 'flake-found' && event.isEarlier));
  events.length = 0;
  t.strictSame(resumedRun(whole).earlier, whole.instances.slice(0, 4));
  const again = await runAll(await request(at, fake, all, { emit, resumed: resumedRun(whole) }));
  t.strictSame(again.instances, whole.instances, 'one row, not two');
  t.strictSame(onDisk(at), again);
  t.match(events, [
    { kind: 'run-started', earlier: 4 },
    ...all.map(() => ({ kind: 'instance-ended', isEarlier: true })),
    { kind: 'flake-found', isEarlier: true, result: { verdict: 'flaky' } },
    { kind: 'run-ended' },
  ]);
});

t.test('a resumed run boots what is left, and ends as if it had never stopped', async (t) => {
  const at = bench(t);
  runFolder(at);
  const all = await repeats(at, 3);
  const controller = new AbortController();
  const stop = (event: RunEvent) => {
    if (event.kind === 'instance-ended') controller.abort();
  };
  const { signal } = controller;
  const before = await runAll(await request(at, 'refuses', all, { emit: stop, signal }));
  t.match(before, { finished: false, instances: { length: 1 } });
  const { instances: earlier, ...head } = onDisk(at);
  const events: RunEvent[] = [];
  const emit = (event: RunEvent) => void events.push(event);
  const more = { emit, resumed: { head, earlier }, runId: 'another' };
  const results = await runAll(await request(at, 'refuses', all, more));
  t.strictSame(onDisk(at), results);
  t.match(results, { finished: true, runId: before.runId, startedAt: before.startedAt, totals: { pass: 3 } });
  t.strictSame(results.instances[0], before.instances[0], 'what was there stays');
  t.match(events, [
    { kind: 'run-started', instances: { length: 3 }, earlier: 1 },
    { kind: 'instance-ended', isEarlier: true, instance: all[0]?.instance, result: earlier[0] },
    { kind: 'instance-started' },
  ]);
  t.equal(events.filter(({ kind }) => kind === 'instance-started').length, 2);
  t.strictSame(
    readdirSync(join(at.directory, 'run')).filter((name) => name.startsWith('.results')),
    [],
  );
});
