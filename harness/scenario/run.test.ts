import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { liveGroups } from '../process/live-groups.ts';
import { bench } from '../qemu/testdata/bench.ts';
import { NoSpaceError, UnwritableFolderError } from '../workdir/folder-errors.ts';
import type { RunEvent } from './contract.ts';
import type { PlannedInstance } from './plan.ts';
import { runAll } from './run.ts';
import { instance, runFolder } from './testdata/fake-run.ts';
import { onDisk, repeats, request } from './testdata/run-bench.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

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

/** Its payload drive takes a MiB of the disk. */
function withLargeImage(instance: PlannedInstance): PlannedInstance {
  if (instance.kind !== 'ready') return instance;
  const { subject } = instance;
  const bytes = Buffer.concat([subject.image.bytes, Buffer.alloc(1024 * 1024)]);
  return { ...instance, subject: { ...subject, image: { ...subject.image, bytes } } };
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
    const outcome = await runAll(await request(at, 'refuses', (await repeats(at, 1)).map(withLargeImage)));
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
