import { spawn } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { poll } from '../lifetime/poll.ts';
import { LockError } from './errors.ts';
import { liveGroups } from './live-groups.ts';
import { acquireLock, withLock } from './lock.ts';

/** Whether flock(1) itself finds the lock free: the outside oracle. */
function isFree(path: string): boolean {
  try {
    execFileSync('flock', ['--nonblock', path, 'true']);
    return true;
  } catch {
    return false;
  }
}

t.test('a lock is held against flock(1) until released, its folder made', async (t) => {
  const path = join(t.testdir({}), 'deep', 'lock');
  const lock = await acquireLock(path, { onWait: () => t.fail('nobody holds it') });
  t.notOk(isFree(path));
  await lock[Symbol.asyncDispose]();
  t.ok(isFree(path));
  t.same(liveGroups(), []);
});

t.test('the second waits, says so, and comes after the first', async (t) => {
  const path = join(t.testdir({}), 'lock');
  const order: string[] = [];
  const first = await acquireLock(path);
  const second = withLock(path, () => order.push('second'), { onWait: () => order.push('waits') });
  await poll('onWait', Deadline.in(10_000), () => order.includes('waits') || undefined);
  order.push('release');
  await first[Symbol.asyncDispose]();
  t.equal(await second, 3);
  t.same(order, ['waits', 'release', 'second']);
  t.ok(isFree(path));
});

t.test('waiting can be aborted', async (t) => {
  const path = join(t.testdir({}), 'lock');
  await using _first = await acquireLock(path);
  const abort = new AbortController();
  const second = acquireLock(path, { signal: abort.signal, onWait: () => abort.abort(new Error('enough')) });
  await t.rejects(second, { message: 'enough' });
  t.equal(liveGroups().length, 1);
});

t.test('a task that throws releases the lock', async (t) => {
  const path = join(t.testdir({}), 'lock');
  await t.rejects(
    withLock(path, () => Promise.reject(new Error('task'))),
    { message: 'task' },
  );
  t.ok(isFree(path));
});

t.test('a lock that can not be opened names the file', async (t) => {
  const path = join(t.testdir({ lock: t.fixture('symlink', 'lock') }), 'lock');
  const error = await acquireLock(path).catch((e: unknown) => e);
  t.ok(error instanceof LockError);
  t.match((error as Error).message, path);
});

t.test('SIGKILL of the harness releases its lock', async (t) => {
  const folder = t.testdir({});
  const path = join(folder, 'lock');
  const script = join(import.meta.dirname, 'testdata', 'launches-and-waits.ts');
  const harness = spawn(process.execPath, ['--import=tsx', script, join(folder, 'stderr'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => harness.kill('SIGKILL'));
  let said = '';
  harness.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await poll('launch', Deadline.in(20_000), () => said.includes('launched') || undefined);
  t.notOk(isFree(path));
  harness.kill('SIGKILL');
  await poll('release', Deadline.in(10_000), () => isFree(path) || undefined);
});
