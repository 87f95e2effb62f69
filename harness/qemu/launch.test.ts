import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import { CommandMissingError } from '../process/errors.ts';
import { isAlive } from '../process/testdata/is-alive.ts';
import { QmpNegotiationError, QmpProtocolError } from '../qmp/errors.ts';
import { SocketPathTooLongError } from '../workdir/socket-folder.ts';
import { launchMachine, QemuStartError, type LaunchOptions } from './launch.ts';
import { bench, fakeQemu, type Bench } from './testdata/bench.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

const launch = ({ spec, stderrPath }: Bench, name: string, more: Partial<LaunchOptions> = {}) =>
  launchMachine({ qemu: fakeQemu(name), spec, stderrPath, deadline: Deadline.in(20_000), ...more });

t.test('a QEMU that exits at once: its own words, its exit and where they are kept', async (t) => {
  const at = bench(t);
  const error = await launch(at, 'exits-at-once').catch((reason: unknown) => reason);
  t.ok(error instanceof QemuStartError);
  t.match(error, {
    exit: { kind: 'exit', code: 1 },
    message: /^QEMU exited with 1 before it could be talked to: .*could not open disk image/s,
  });
  t.match((error as Error).message, at.stderrPath);
  t.ok(await at.isTidy());
});

t.test('one that connects and then cannot go on: still its own words, not the closed socket', async (t) => {
  const at = bench(t);
  const error = await launch(at, 'dies-before-greeting').catch((reason: unknown) => reason);
  t.ok(error instanceof QemuStartError, String(error));
  t.match((error as Error).message, /failed to initialize kvm: Permission denied/);
  t.ok(await at.isTidy());
});

t.test('the real QEMU does that, where a drive is missing', async (t) => {
  const at = bench(t);
  const spec = { ...at.spec, payload: join(at.directory, 'not-there.tar') };
  const error = await launch(at, '', { qemu: 'qemu-system-x86_64', spec }).catch((reason: unknown) => reason);
  t.ok(error instanceof QemuStartError, String(error));
  t.match((error as Error).message, /not-there\.tar.*No such file/);
});

t.test('one that never connects costs the deadline, not more', async (t) => {
  const at = bench(t);
  const launched = launch(at, 'never-connects', { deadline: Deadline.in(700) });
  await t.rejects(launched, DeadlineError);
  await t.rejects(launched, /waited 0\.\d s for QEMU to connect its monitor/);
  t.ok(await at.isTidy());
});

t.test('one that garbles QMP', async (t) => {
  const at = bench(t);
  await t.rejects(launch(at, 'garbles-qmp'), QmpProtocolError);
  t.ok(await at.isTidy());
});

t.test('one whose monitor stays silent', async (t) => {
  const at = bench(t);
  const launched = launch(at, 'never-greets', { deadline: Deadline.in(2500) });
  await t.rejects(launched, QmpNegotiationError);
  await t.rejects(launched, /for the QMP greeting/);
  t.ok(await at.isTidy());
});

t.test('one that ignores SIGTERM is gone all the same when the machine is let go', async (t) => {
  const at = bench(t);
  {
    await using machine = await launch(at, 'ignores-sigterm');
    t.equal(machine.process.pid, at.pid());
    t.ok(isAlive(machine.process.pid));
    t.same(await machine.qmp.execute('cont'), {});
  }
  t.ok(await at.isTidy());
});

t.test('a program that is not there', async (t) => {
  const at = bench(t);
  await t.rejects(launch(at, 'no-such-program'), CommandMissingError);
});

t.test('abort ends it: before it is there, and afterwards', async (t) => {
  const at = bench(t);
  await t.rejects(launch(at, 'never-connects', { signal: AbortSignal.abort() }), QemuStartError);
  const controller = new AbortController();
  const launched = launch(at, 'never-connects', { signal: controller.signal });
  controller.abort();
  await t.rejects(launched, QemuStartError);
  const later = new AbortController();
  await using machine = await launch(at, 'ignores-sigterm', { signal: later.signal });
  later.abort();
  t.same(await machine.process.exited, { kind: 'signal', signal: 'SIGKILL' });
});

t.test('what cannot be recorded stops the launch before QEMU is there', async (t) => {
  const at = bench(t);
  const onArgv = async (): Promise<void> => {
    throw new Error('no space left');
  };
  await t.rejects(launch(at, 'never-connects', { onArgv }), /no space left/);
});

t.test('a folder for sockets that is too deep is named as such', async (t) => {
  const at = bench(t);
  const deep = join(process.env['TMPDIR'] ?? '', 'a'.repeat(60), 'b'.repeat(40));
  mkdirSync(deep, { recursive: true });
  process.env['TMPDIR'] = deep;
  await t.rejects(launch(at, 'never-connects'), SocketPathTooLongError);
});

t.test('the gdbstub: a deadline for connecting, and a socket that works', async (t) => {
  const at = bench(t);
  await using machine = await launch(at, 'silent-gdbstub');
  const socket = await machine.connectGdb(Deadline.in(5000));
  t.notOk(socket.destroyed);
  socket.destroy();
  await using deaf = await launch(at, 'ignores-sigterm');
  await t.rejects(deaf.connectGdb(Deadline.in(5000)), { code: 'ENOENT' });
});
