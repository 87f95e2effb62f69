import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { BuildFailedError, CacheFolderError, cacheError } from './build-failed-error.ts';
import { Cache, type EntryRequest } from './cache.ts';
import type { BuildProgress, ToolchainContext } from './toolchain-context.ts';
import type { Workshop } from './workshop.ts';

const request: EntryRequest = { task: 'sample', inputs: { text: 'hello' } };

interface Bench {
  readonly cache: Cache;
  readonly root: string;
  readonly events: BuildProgress[];
}

function bench(t: Test, root = t.testdir(), signal?: AbortSignal): Bench {
  const events: BuildProgress[] = [];
  const context: ToolchainContext = {
    cacheRoot: root,
    onProgress: (event) => events.push(event),
    ...(signal === undefined ? {} : { signal }),
  };
  return { cache: new Cache(context), root, events };
}

/** A build by make, of a Makefile that compiles nothing: writes `result`, and counts how often it ran. */
function makeBuild(cache: Cache, counter: string, wanted = request): (workshop: Workshop) => Promise<void> {
  return async (workshop) => {
    const staging = await workshop.staging(cache.digest(wanted));
    const recipe = `result:\n\techo once >> ${counter}\n\tprintf hello > ${staging}/result\n`;
    await writeFile(join(workshop.directory, 'Makefile'), recipe);
    await workshop.step('compile', 1, () => workshop.command('compile', 'make', ['result']));
  };
}

async function runs(counter: string): Promise<number> {
  const text = await readFile(counter, 'utf8').catch(() => '');
  return text.split('\n').length - 1;
}

t.test('builds once, then reuses', async (t) => {
  const { cache, root, events } = bench(t);
  const counter = join(root, 'counter');
  t.equal(await cache.lookup(request), undefined);
  const built = await cache.entry(request, makeBuild(cache, counter));
  t.equal(await readFile(join(built.directory, 'result'), 'utf8'), 'hello');
  t.equal(built.reused, false);
  t.match(built.directory, /entries\/sample-[0-9a-f]{32}$/);
  const again = await cache.entry(request, makeBuild(cache, counter));
  t.equal(again.reused, true);
  t.equal(again.directory, built.directory);
  t.equal(await runs(counter), 1);
  t.same(await readdir(join(root, 'build')), [], 'no scratch is left');
  t.match(
    events.map(({ step, state }) => `${step} ${state}`),
    ['compile started', 'compile done'],
  );
  t.match(again.manifest, {
    task: 'sample',
    digest: again.digest,
    inputs: { text: 'hello' },
    files: { result: { sizeBytes: 5 } },
  });
});

t.test('remembers how long a step took', async (t) => {
  const { cache, root, events } = bench(t);
  await cache.entry(request, makeBuild(cache, join(root, 'counter')));
  const other = { task: 'sample', inputs: { text: 'other' } };
  await cache.entry(other, makeBuild(cache, join(root, 'counter'), other));
  const done = events.find(({ state }) => state === 'done');
  const second = events.filter(({ state }) => state === 'started')[1];
  t.equal(second?.typicalMs, done?.elapsedMs);
});

t.test('another input is another entry', async (t) => {
  const { cache } = bench(t);
  t.not(cache.digest(request), cache.digest({ task: 'sample', inputs: { text: 'hello!' } }));
  t.not(cache.digest(request), cache.digest({ task: 'other', inputs: { text: 'hello' } }));
});

const damages: Readonly<Record<string, (directory: string) => Promise<unknown>>> = {
  'a changed byte': (directory) => writeFile(join(directory, 'result'), 'hellO'),
  'a cut file': (directory) => writeFile(join(directory, 'result'), 'hell'),
  'a missing file': (directory) => rm(join(directory, 'result')),
  'a missing manifest': (directory) => rm(join(directory, 'manifest.json')),
  'a manifest that is no JSON': (directory) => writeFile(join(directory, 'manifest.json'), '{'),
  'a manifest of nothing': (directory) => writeFile(join(directory, 'manifest.json'), '{"files":{}}'),
};
for (const [name, damage] of Object.entries(damages))
  t.test(`${name} is noticed and built again`, async (t) => {
    const { cache, root, events } = bench(t);
    const counter = join(root, 'counter');
    const { directory } = await cache.entry(request, makeBuild(cache, counter));
    await damage(directory);
    events.length = 0;
    const entry = await cache.entry(request, makeBuild(cache, counter));
    t.equal(entry.reused, false);
    t.equal(await readFile(join(entry.directory, 'result'), 'utf8'), 'hello');
    t.equal(await runs(counter), 2);
    t.match(events[0], { state: 'notice', detail: /damaged.*built again/ });
    t.ok(await cache.lookup(request));
  });

t.test("another entry's folder under this key is damage", async (t) => {
  const { cache, root } = bench(t);
  const other = { task: 'sample', inputs: { text: 'other' } };
  const entry = await cache.entry(other, makeBuild(cache, join(root, 'counter'), other));
  await rename(
    entry.directory,
    join(dirname(entry.directory), `sample-${cache.digest(request).slice(0, 32)}`),
  );
  t.equal(await cache.lookup(request), undefined);
});

t.test('two runs at once build once', async (t) => {
  const root = t.testdir();
  const [first, second] = [bench(t, root), bench(t, root)];
  const counter = join(root, 'counter');
  const slow = (cache: Cache) => async (workshop: Workshop) => {
    await workshop.command('wait', 'sleep', ['0.2']);
    await makeBuild(cache, counter)(workshop);
  };
  const entries = await Promise.all([
    first.cache.entry(request, slow(first.cache)),
    second.cache.entry(request, slow(second.cache)),
  ]);
  t.equal(await runs(counter), 1);
  t.same(entries.map(({ reused }) => reused).sort(), [false, true]);
  t.ok([...first.events, ...second.events].some(({ state }) => state === 'waiting'));
});

t.test('what is made alongside is kept; what is there already stays', async (t) => {
  const { cache, root } = bench(t);
  const other = { task: 'sample', inputs: { text: 'other' } };
  const build = async (workshop: Workshop): Promise<void> => {
    for (const wanted of [request, other])
      await writeFile(join(await workshop.staging(cache.digest(wanted)), 'result'), `${Math.random()}`);
  };
  await cache.entry(request, build, [other]);
  const kept = await cache.lookup(other);
  t.ok(kept);
  await rm(join(root, 'entries', `sample-${cache.digest(request).slice(0, 32)}`), { recursive: true });
  await cache.entry(request, build, [other]);
  t.same((await cache.lookup(other))?.manifest, kept?.manifest);
});

t.test('a build that stages nothing is an error', async (t) => {
  const { cache } = bench(t);
  await t.rejects(
    cache.entry(request, async () => undefined),
    { message: /without staging its result/ },
  );
});

t.test('a failed build names the first error, the last lines and the log, and leaves nothing', async (t) => {
  const { cache, root } = bench(t);
  const build = async (workshop: Workshop): Promise<void> => {
    await workshop.staging(cache.digest(request));
    const recipe = `all:\n\t@echo "one.c:3:1: error: expected ';'"\n\t@echo two.c:1:1: error: later\n\t@false\n`;
    await writeFile(join(workshop.directory, 'Makefile'), recipe);
    await workshop.step('compile', 1, () => workshop.command('compile', 'make', []));
  };
  const failure = await cache.entry(request, build).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof BuildFailedError)) throw failure;
  t.match(failure, {
    task: 'sample',
    step: 'compile',
    firstError: "one.c:3:1: error: expected ';'",
    tail: /two\.c.*\n.*\*\*\*/,
  });
  t.match(failure.message, failure.logPath);
  t.match(await readFile(failure.logPath, 'utf8'), /one\.c.*\ntwo\.c/);
  t.equal(await cache.lookup(request), undefined);
  t.same(await readdir(join(root, 'build')), []);
});

t.test('a full disk is said as such', async (t) => {
  const { cache } = bench(t);
  const full = async (workshop: Workshop): Promise<void> => {
    await workshop.command('write', 'sh', [
      '-c',
      'echo cc1: error writing to x.o: No space left on device >&2; exit 1',
    ]);
  };
  await t.rejects(cache.entry(request, full), { name: 'CacheFolderError', message: /no space left/ });
  const direct = Object.assign(new Error('write'), { code: 'ENOSPC' });
  await t.rejects(
    cache.entry(request, () => Promise.reject(direct)),
    CacheFolderError,
  );
  const elsewhere = Object.assign(new Error('open'), { code: 'EACCES', path: '/elsewhere' });
  t.equal(cacheError('/cache', elsewhere), elsewhere, 'an error about another folder stays as it is');
});

t.test('a cache that is no folder is said as such', async (t) => {
  const root = t.testdir({ file: '' });
  const { cache } = bench(t, join(root, 'file', 'cache'));
  await t.rejects(
    cache.entry(request, async () => undefined),
    { name: 'CacheFolderError', message: /no folder/ },
  );
});

t.test('an abort ends the command and leaves nothing', async (t) => {
  const abort = new AbortController();
  const { cache, root } = bench(t, t.testdir(), abort.signal);
  const build = async (workshop: Workshop): Promise<void> => {
    await workshop.staging(cache.digest(request));
    setTimeout(() => abort.abort(new Error('Ctrl-C')), 50);
    await workshop.command('sleep', 'sleep', ['600']);
  };
  await t.rejects(cache.entry(request, build), { message: 'Ctrl-C' });
  t.same(await readdir(join(root, 'build')), []);
  t.equal(await cache.lookup(request), undefined);
});

t.test('a killed run leaves nothing that looks whole, and the next one cleans up and builds', async (t) => {
  const { cache, root } = bench(t);
  const program = join(import.meta.dirname, 'testdata', 'slow-build.ts');
  const child = spawn(process.execPath, ['--import=tsx', program, root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.equal((await readdir(join(root, 'build', 'sample'))).length, 1, 'the dead run left its scratch');
  t.equal(await cache.lookup(request), undefined);
  const entry = await cache.entry(request, makeBuild(cache, join(root, 'counter')));
  t.equal(await readFile(join(entry.directory, 'result'), 'utf8'), 'hello');
  t.same(await readdir(join(root, 'build')), []);
});

t.test("the caller's compiler settings do not reach a build", async (t) => {
  const { cache, root } = bench(t);
  process.env['CFLAGS'] = '-DSURPRISE';
  t.teardown(() => delete process.env['CFLAGS']);
  const build = async (workshop: Workshop): Promise<void> => {
    const staging = await workshop.staging(cache.digest(request));
    await workshop.command('env', 'sh', ['-c', `echo "[$CFLAGS] $LC_ALL $OURS" > ${staging}/seen`], {
      env: { OURS: 'yes' },
    });
  };
  const { directory } = await cache.entry(request, build);
  t.equal(await readFile(join(directory, 'seen'), 'utf8'), '[] C yes\n');
  t.ok(root);
});

t.test('an executable file is kept executable', async (t) => {
  const { cache } = bench(t);
  const entry = await cache.entry(request, async (workshop) => {
    const staging = await workshop.staging(cache.digest(request));
    await mkdir(join(staging, 'bin'));
    await writeFile(join(staging, 'bin', 'tool'), '#!/bin/sh\necho ran\n');
    await chmod(join(staging, 'bin', 'tool'), 0o755);
  });
  const child = spawn(join(entry.directory, 'bin', 'tool'), { stdio: 'ignore' });
  t.same(await once(child, 'exit'), [0, null]);
});
