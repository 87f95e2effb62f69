import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { poll } from '../lifetime/poll.ts';
import {
  CommandFailedError,
  CommandMissingError,
  CommandOutputError,
  WorkingFolderMissingError,
} from './errors.ts';
import { liveGroups } from './live-groups.ts';
import { type RunOptions, run } from './run.ts';
import { isAlive } from './testdata/is-alive.ts';

const testdata = join(import.meta.dirname, 'testdata');
const shell = (script: string, options?: RunOptions) => run('sh', ['-c', script], options);
const fixture = (name: string, options?: RunOptions) => run('sh', [join(testdata, name)], options);

/** What `promise` rejects with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const gone = (pid: number) => poll(`end of ${pid}`, Deadline.in(10_000), () => !isAlive(pid) || undefined);

t.test('both streams are told apart and kept as printed', async (t) => {
  t.same(await shell('echo out; echo err >&2'), { stdout: 'out\n', stderr: 'err\n' });
  t.same(liveGroups(), []);
});

t.test('input, folder and environment reach the command', async (t) => {
  const cwd = t.testdir({});
  const { stdout } = await shell('cat; echo "$MARK"; pwd', { input: 'in\n', env: { MARK: 'set' }, cwd });
  t.equal(stdout, `in\nset\n${cwd}\n`);
});

t.test('input that nobody reads is no error', async (t) => {
  t.equal((await shell('exit 0', { input: 'x'.repeat(1 << 20) })).stdout, '');
});

t.test('a failure says command, exit code and last lines', async (t) => {
  const error = await rejection(shell('echo one; echo "two words" >&2; exit 3'));
  t.ok(error instanceof CommandFailedError);
  t.match(error, { exitCode: 3, signal: undefined, timedOut: false });
  t.same(new Set((error as CommandFailedError).tail), new Set(['one', 'two words']));
  t.match((error as Error).message, /^sh -c 'echo one;.*exit code 3\n/);
});

t.test('an end by a signal is named', async (t) => {
  t.match(await rejection(shell('kill -9 $$')), { signal: 'SIGKILL', exitCode: undefined, timedOut: false });
});

t.test('a missing program names its Debian package; exit code 127 alone does not', async (t) => {
  const error = await rejection(run('no-such-program-here', [], { package: 'some-package' }));
  t.ok(error instanceof CommandMissingError);
  t.match((error as Error).message, 'apt-get install some-package');
  t.match(await rejection(shell('exit 127')), { name: 'CommandFailedError', exitCode: 127 });
});

t.test('a missing folder is not taken for a missing program', async (t) => {
  const error = await rejection(shell('true', { cwd: join(t.testdir({}), 'gone') }));
  t.ok(error instanceof WorkingFolderMissingError);
});

t.test('with a log both streams go to it, and the error names it', async (t) => {
  const logPath = join(t.testdir({ log: 'before\n' }), 'log');
  const error = await rejection(shell('echo out; echo err >&2; exit 1', { logPath }));
  t.match((error as Error).message, `full log: ${logPath}`);
  const log = readFileSync(logPath, 'utf8');
  t.match(log, /^before\n/);
  t.match(log, 'out\n');
  t.match(log, 'err\n');
});

t.test('with a log only the last of the output is kept', async (t) => {
  const logPath = join(t.testdir({}), 'log');
  const { stdout } = await shell('seq 1 200000', { logPath });
  t.equal(stdout.length, 256 * 1024);
  t.ok(stdout.endsWith('200000\n'));
  t.equal(readFileSync(logPath, 'utf8').split('\n').length, 200_001);
});

t.test('without a log, more output than kept is an error', async (t) => {
  t.ok((await rejection(fixture('floods.sh', { keepBytes: 1000 }))) instanceof CommandOutputError);
  t.same(liveGroups(), []);
});

t.test('a log that can not be written ends the command', async (t) => {
  const error = await rejection(fixture('floods.sh', { logPath: '/dev/full' }));
  t.match(error, { name: 'CommandFailedError', cause: /ENOSPC/ });
});

t.test('a timeout kills the group, even one that ignores SIGTERM', async (t) => {
  const error = await rejection(fixture('ignores-sigterm.sh', { timeoutMs: 300 }));
  t.match(error, { timedOut: true, signal: 'SIGKILL' });
});

t.test('an abort kills the grandchild too', async (t) => {
  const logPath = join(t.testdir({}), 'log');
  const abort = new AbortController();
  const ended = rejection(fixture('has-grandchild.sh', { signal: abort.signal, logPath }));
  const grandchild = await poll('the grandchild', Deadline.in(10_000), () => {
    const said = existsSync(logPath) && /grandchild (\d+)/.exec(readFileSync(logPath, 'utf8'));
    return said ? Number(said[1]) : undefined;
  });
  abort.abort(new Error('enough'));
  t.match(await ended, { name: 'CommandFailedError', cause: { message: 'enough' } });
  await gone(grandchild);
});

t.test('an abort before the start starts nothing', async (t) => {
  await t.rejects(shell('true', { signal: AbortSignal.abort(new Error('early')) }), { message: 'early' });
});

t.test('what a command leaves behind is killed, and does not hold the result', async (t) => {
  const error = (await rejection(fixture('leaves-grandchild.sh'))) as CommandFailedError;
  t.equal(error.exitCode, 3);
  await gone(Number(/grandchild (\d+)/.exec(error.message)?.[1]));
});
