import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { liveGroups } from '../process/live-groups.ts';
import { bench, type Bench } from '../qemu/testdata/bench.ts';
import { resultsSchema } from '../report/results-schema.ts';
import { NoSpaceError, UnwritableFolderError } from '../workdir/folder-errors.ts';
import type { Results, RunEvent } from './contract.ts';
import { nameWithoutRepeat } from './instance-name.ts';
import type { PlannedInstance } from './plan.ts';
import { resumedRun } from './resumption.ts';
import { runAll, type RunRequest } from './run.ts';
import { fakeArtifacts, HOST, instance, planned, runFolder } from './testdata/fake-run.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

async function request(
  at: Bench,
  qemu: string,
  instances: readonly PlannedInstance[],
  more: Partial<RunRequest> = {},
): Promise<RunRequest> {
  return {
    runId: '20261123T141403Z-e473',
    runDirectory: join(at.directory, 'run'),
    cacheRoot: join(at.directory, 'cache'),
    host: HOST,
    artifacts: await fakeArtifacts(at, qemu),
    plan: { planned: instances, accelerators: { 'bios-q35': { accelerator: 'tcg', reason: 'asked for' } } },
    jobs: 1,
    timeoutMs: 20_000,
    repeatCommand: ({ name }) => `npx loadbase run ${name}`,
    signal: new AbortController().signal,
    emit: () => undefined,
    ...more,
  };
}

/** results.json as it is now, which must be whole and of the published shape. */
const onDisk = (at: Bench) =>
  resultsSchema.parse(JSON.parse(readFileSync(join(at.directory, 'run', 'results.json'), 'utf8'))) as Results;

const repeats = (at: Bench, count: number): Promise<PlannedInstance[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => planned(at, { repeat: i + 1 })));

t.test('results.json is whole and right whenever an instance has ended', async (t) => {
  const at = bench(t);
  runFolder(at);
  const events: string[] = [];
  const counts: [instances: number, finished: boolean][] = [];
  const emit = (event: RunEvent) => {
    events.push(event.kind);
    if (event.kind !== 'instance-ended' && event.kind !== 'run-started') return;
    const { instances, finished } = onDisk(at);
    counts.push([instances.length, finished]);
  };
  const skipped: PlannedInstance = {
    kind: 'skip',
    instance: instance({ firmware: 'efi' }),
    reason: 'there is no OVMF',
  };
  const results = await runAll(await request(at, 'refuses', [...(await repeats(at, 2)), skipped], { emit }));
  t.strictSame(counts, [
    [0, false],
    [1, false],
    [2, false],
    [3, false],
  ]);
  t.strictSame(onDisk(at), results);
  t.match(results, {
    finished: true,
    planned: 3,
    totals: { pass: 2, fail: 0, skip: 1, error: 0, crash: 0 },
    tools: { qemu: { version: '7.2.22' } },
  });
  t.match(
    results.instances.find(({ verdict }) => verdict === 'skip'),
    { reason: 'there is no OVMF', accelerator: 'none', base: null, expected: 'not run' },
  );
  t.equal(events[0], 'run-started');
  t.equal(events.at(-1), 'run-ended');
  t.equal(events.filter((kind) => kind === 'instance-started').length, 2, 'what is skipped is not started');
});

t.test('how long an instance took is told the next time', async (t) => {
  const at = bench(t);
  runFolder(at);
  const typical: (number | undefined)[] = [];
  const emit = (event: RunEvent) => {
    if (event.kind === 'instance-started') typical.push(event.typicalMs);
  };
  for (let i = 0; i < 2; i++) await runAll(await request(at, 'refuses', await repeats(at, 1), { emit }));
  t.equal(typical[0], undefined);
  t.ok((typical[1] ?? 0) > 0);
});

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

t.test('repeats of one instance share what is known of its duration', async (t) => {
  const at = bench(t);
  runFolder(at);
  await runAll(await request(at, 'refuses', await repeats(at, 1)));
  const typical: unknown[] = [];
  const emit = (event: RunEvent) => {
    if (event.kind === 'instance-started') typical.push(event.typicalMs);
  };
  await runAll(await request(at, 'refuses', await repeats(at, 2), { emit }));
  t.ok(Number(typical[1]) > 0);
  t.equal(typical[0], typical[1]);
});

t.test('machines that memory has no room for together run one after the other', async (t) => {
  const at = bench(t);
  runFolder(at);
  const most = async (memoryMib: number) => {
    let [running, greatest] = [0, 0];
    const emit = ({ kind }: RunEvent) => {
      if (kind === 'instance-started') greatest = Math.max(greatest, ++running);
      if (kind === 'instance-ended') running--;
    };
    await runAll(await request(at, 'refuses', await repeats(at, 3), { emit, jobs: 3, memoryMib }));
    return greatest;
  };
  t.equal(await most(3 * 64), 3);
  t.equal(await most(64), 1);
});

t.test('an aborted run leaves what was known, readable, and no machine', async (t) => {
  const at = bench(t);
  runFolder(at);
  const controller = new AbortController();
  const ends: RunEvent[] = [];
  const emit = (event: RunEvent) => {
    if (event.kind === 'instance-phase' && event.instance.repeat === 2) controller.abort();
    if (event.kind === 'run-ended') ends.push(event);
  };
  const { signal } = controller;
  // The second hangs; the third is never begun.
  await runAll(await request(at, 'hangs-when-repeated', await repeats(at, 3), { emit, signal }));
  t.match(onDisk(at), { finished: false, planned: 3, instances: [{ verdict: 'pass' }], totals: { pass: 1 } });
  t.match(ends, [{ interrupted: true }]);
  t.strictSame(liveGroups(), []);
  t.match(
    readFileSync(join(at.directory, 'cache', 'durations.json'), 'utf8'),
    /small/,
    'what it learnt stays',
  );
});

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

t.test('where results cannot be written at all, nothing is booted', async (t) => {
  const at = bench(t);
  writeFileSync(join(at.directory, 'run'), 'a file');
  const events: RunEvent[] = [];
  const run = runAll(
    await request(at, 'refuses', await repeats(at, 1), { emit: (event) => void events.push(event) }),
  );
  await t.rejects(run, UnwritableFolderError);
  await t.rejects(run, /choose another folder with --out/);
  t.strictSame(events, []);
});

t.test('where they cannot be written any more, the machines that still run are ended', async (t) => {
  const at = bench(t);
  const folder = runFolder(at);
  const emit = (event: RunEvent) => {
    if (event.kind !== 'instance-phase' || event.instance.repeat !== 1) return;
    rmSync(folder, { recursive: true, force: true });
    writeFileSync(folder, 'a file');
  };
  const run = runAll(await request(at, 'hangs-when-repeated', await repeats(at, 3), { emit, jobs: 2 }));
  await t.rejects(run, UnwritableFolderError);
  t.strictSame(liveGroups(), []);
});

t.test('a cache that cannot be written costs estimates only', async (t) => {
  const at = bench(t);
  runFolder(at);
  writeFileSync(join(at.directory, 'cache'), 'a file');
  const { finished } = await runAll(await request(at, 'refuses', await repeats(at, 1)));
  t.ok(finished);
});

/** A file system of 1.5 MiB, or why there is none. */
function tinyFileSystem(path: string): string | undefined {
  mkdirSync(path);
  if (process.getuid?.() !== 0) return 'a file system that is full needs root to be mounted';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1536k', 'tmpfs', path], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `a small file system cannot be mounted here: ${String(error).split('\n')[0]}`;
  }
}

/** Until nothing more fits. */
function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4096));
  } catch {
    // It is full.
  }
}

t.test('a full disk is an error that says so, and never a verdict about the subject', async (t) => {
  const at = bench(t);
  const folder = join(at.directory, 'run');
  const why = tinyFileSystem(folder);
  if (why !== undefined) {
    t.pass('a disk that is full', { skip: why });
    return;
  }
  try {
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(1024 * 1024));
    const outcome = await runAll(await request(at, 'refuses', await repeats(at, 1)));
    t.match(outcome, { instances: [{ verdict: 'error', reason: /^no space left in .*--out$/ }] });
    t.match(onDisk(at), { finished: true, totals: { error: 1 } });
    rmSync(join(folder, 'results.json'));
    fill(join(folder, 'more-ballast'));
    const full = runAll(await request(at, 'refuses', await repeats(at, 1)));
    await t.rejects(full, NoSpaceError);
    t.strictSame(liveGroups(), []);
  } finally {
    execFileSync('umount', [folder]);
  }
});
