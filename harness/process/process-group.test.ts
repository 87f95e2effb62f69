import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { poll } from '../lifetime/poll.ts';
import { killAllGroups, liveGroups } from './live-groups.ts';
import { type LaunchOptions, launchGroup } from './process-group.ts';
import { isAlive } from './testdata/is-alive.ts';

const testdata = join(import.meta.dirname, 'testdata');
const inTime = () => Deadline.in(20_000);
const gone = (pid: number) => poll(`end of ${pid}`, Deadline.in(10_000), () => !isAlive(pid) || undefined);
const fixture = (name: string, options: LaunchOptions) => launchGroup('sh', [join(testdata, name)], options);

t.test('the process is its own group, and setpriv leaves its number alone', async (t) => {
  await using group = await launchGroup('sleep', ['600'], { stderrPath: join(t.testdir({}), 'stderr') });
  await poll('sleep', inTime(), () => {
    return readFileSync(`/proc/${group.pid}/comm`, 'utf8') === 'sleep\n' || undefined;
  });
  const [, , groupId] = readFileSync(`/proc/${group.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  t.equal(Number(groupId), group.pid);
  t.ok(liveGroups().includes(group.pid));
  t.same(await group.terminate({ graceMs: 10_000 }), { kind: 'signal', signal: 'SIGTERM' });
  t.equal(group.state, 'exited');
  t.notOk(liveGroups().includes(group.pid));
  t.same(await group.terminate({ graceMs: 0 }), { kind: 'signal', signal: 'SIGTERM' }, 'twice is no error');
});

t.test('a child that ignores SIGTERM gets SIGKILL', async (t) => {
  await using group = await fixture('ignores-sigterm.sh', { stderrPath: join(t.testdir({}), 'stderr') });
  await poll('ready', inTime(), () => group.stderrTail().includes('ready') || undefined);
  t.same(await group.terminate({ graceMs: 200 }), { kind: 'signal', signal: 'SIGKILL' });
});

t.test('a grandchild dies with the group', async (t) => {
  await using group = await fixture('has-grandchild.sh', { stderrPath: join(t.testdir({}), 'stderr') });
  const grandchild = await poll(
    'grandchild',
    inTime(),
    () => /grandchild (\d+)/.exec(group.stderrTail())?.[1],
  );
  await group.terminate({ graceMs: 10_000 });
  await gone(Number(grandchild));
});

t.test('a child that ends at once leaves its grandchild to us', async (t) => {
  const folder = t.testdir({});
  const stdoutPath = join(folder, 'stdout');
  await using group = await fixture('leaves-grandchild.sh', {
    stdoutPath,
    stderrPath: join(folder, 'stderr'),
  });
  t.same(await group.exited, { kind: 'exit', code: 3 });
  await gone(Number(/grandchild (\d+)/.exec(readFileSync(stdoutPath, 'utf8'))?.[1]));
});

t.test('a flood is bounded in memory and on disk', async (t) => {
  const stderrPath = join(t.testdir({}), 'stderr');
  await using group = await launchGroup('sh', ['-c', 'yes flood >&2'], { stderrPath });
  await poll('the log to fill', inTime(), () => statSync(stderrPath).size > 8 * 1024 * 1024 || undefined);
  await group.terminate({ graceMs: 10_000 });
  t.ok(statSync(stderrPath).size < 8 * 1024 * 1024 + 100);
  t.match(readFileSync(stderrPath, 'utf8').slice(-60), 'log cut after 8388608 bytes');
  t.ok(group.stderrTail().length <= 16 * 1024);
});

t.test('a log that can not be written is told in the tail', async (t) => {
  await using group = await launchGroup('sh', ['-c', 'echo said >&2'], { stderrPath: '/dev/full' });
  await group.exited;
  t.match(group.stderrTail(), /^said\n\n?\[writing \/dev\/full: .*ENOSPC/);
});

t.test('a missing program is told before anything is started', async (t) => {
  const stderrPath = join(t.testdir({}), 'stderr');
  const launch = launchGroup('no-such-program-here', [], { stderrPath, package: 'some-package' });
  await t.rejects(launch, { name: 'CommandMissingError', debianPackage: 'some-package' });
});

t.test(
  'so is a path that is no program, and a relative path is looked for in the working folder',
  async (t) => {
    const folder = t.testdir({ text: 'no program', 'ends.sh': '#!/bin/sh\nexit 5\n' });
    chmodSync(join(folder, 'ends.sh'), 0o755);
    const options = { stderrPath: join(folder, 'stderr'), cwd: folder };
    for (const path of [join(folder, 'missing'), join(folder, 'text'), folder, './text'])
      await t.rejects(launchGroup(path, [], options), { name: 'CommandMissingError' }, path);
    await using group = await launchGroup('./ends.sh', [], options);
    t.same(await group.exited, { kind: 'exit', code: 5 });
  },
);

t.test('an open file as standard input, from where it stands; it stays ours', async (t) => {
  const folder = t.testdir({ input: 'one\ntwo\n' });
  const file = await open(join(folder, 'input'), 'r');
  await file.read(Buffer.alloc(4), 0, 4);
  const said = join(folder, 'said');
  await using group = await launchGroup('cat', [], {
    ...{ stdinFd: file.fd, stdoutPath: said, stderrPath: join(folder, 'stderr') },
  });
  t.same(await group.exited, { kind: 'exit', code: 0 });
  t.equal(readFileSync(said, 'utf8'), 'two\n');
  await t.resolves(file.stat());
  await file.close();
});

t.test('a log that can not be opened starts nothing', async (t) => {
  const stderrPath = join(t.testdir({}), 'no', 'stderr');
  await t.rejects(launchGroup('sleep', ['600'], { stderrPath }), { code: 'ENOENT' });
  t.same(liveGroups(), []);
});

t.test('killAllGroups ends every group at once', async (t) => {
  const folder = t.testdir({});
  await using one = await launchGroup('sleep', ['600'], { stderrPath: join(folder, 'one') });
  await using two = await fixture('ignores-sigterm.sh', { stderrPath: join(folder, 'two') });
  killAllGroups();
  t.same(await one.exited, { kind: 'signal', signal: 'SIGKILL' });
  t.same(await two.exited, { kind: 'signal', signal: 'SIGKILL' });
  t.same(liveGroups(), []);
});

t.test('SIGKILL of the harness ends what it launched', async (t) => {
  const script = join(testdata, 'launches-and-waits.ts');
  const harness = spawn(process.execPath, ['--import=tsx', script, join(t.testdir({}), 'stderr')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => harness.kill('SIGKILL'));
  let said = '';
  harness.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const launched = Number(await poll('launch', inTime(), () => /launched (\d+)\n/.exec(said)?.[1]));
  t.ok(isAlive(launched));
  harness.kill('SIGKILL');
  await gone(launched);
});
