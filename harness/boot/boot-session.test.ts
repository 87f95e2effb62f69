import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import { bench, fakeQemu, type Bench } from '../qemu/testdata/bench.ts';
import type { BootOptions, BootRecord } from './boot-record.ts';
import { BootSession } from './boot-session.ts';
import type { SubjectDriver } from './subject-driver.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

/** A subject with one checkpoint, at the address that the fake loader puts it. */
const driver: SubjectDriver = {
  landmarks: [{ name: 'done', phase: 'subject', pattern: /^done$/ }],
  ends: { done: 'expected' },
  stops: () => [{ name: 'entry', address: 0x400000n }],
  observe: async () => [{ ok: true, text: 'seen' }],
};

async function boot(at: Bench, name: string, more: Partial<BootOptions> = {}): Promise<BootRecord> {
  await using session = await BootSession.launch({
    qemu: fakeQemu(name),
    spec: at.spec,
    directory: at.directory,
    deadline: Deadline.in(20_000),
    driver,
    ...more,
  });
  return await session.run();
}

t.test('a refusal is recorded with the loader’s words, and evidence is written', async (t) => {
  const at = bench(t);
  const phases: string[] = [];
  const record = await boot(at, 'refuses', { onPhase: (phase) => phases.push(phase) });
  t.strictSame(record.end, { kind: 'refused', errors: ["couldn't find suitable memory target"] });
  t.equal(record.loader?.memoryMap?.length, 3);
  t.strictSame(phases, ['firmware', 'loader']);
  const kept = (name: string) => readFileSync(join(at.directory, name), 'utf8');
  t.match(
    kept('serial.log'),
    /^loadbase: loader started\nloadbase: memory map\n[^]*loadbase: ready\nloadbase: choice fake\n/,
  );
  t.match(kept('serial.raw'), /^loadbase: loader started\r\n/);
  t.match(kept('qmp.log'), /^< \{"QMP".*\n> .*qmp_capabilities.*GUEST_PANICKED/s);
  t.match(kept('argv.json'), '"-blockdev"');
  t.ok(await at.isTidy());
});

t.test('the guest that floods its console is told from one that is silent', async (t) => {
  const at = bench(t);
  const { end } = await boot(at, 'floods-serial');
  t.match(end, {
    kind: 'console',
    state: 'flooded',
    detail: /flooded its serial console \(the same line 2001 times\)/,
  });
  t.ok(await at.isTidy());
});

t.test('nothing said in time', async (t) => {
  const at = bench(t);
  const { end, loader } = await boot(at, 'ignores-sigterm', { deadline: Deadline.in(2500) });
  t.match(end, { kind: 'timeout', awaited: /loader started/, lastSeen: undefined, phase: 'firmware' });
  t.equal(loader, undefined);
  t.ok(await at.isTidy());
});

t.test('a serial port that is closed while QEMU goes on is QEMU’s doing', async (t) => {
  const at = bench(t);
  const { end } = await boot(at, 'closes-serial');
  t.match(end, { kind: 'console', state: 'closed', detail: /the serial console closed before .*last line/ });
  t.ok(await at.isTidy());
});

t.test(
  'a QEMU that dies in the loader: its exit and words, although its serial port closed before',
  async (t) => {
    const at = bench(t);
    const { end } = await boot(at, 'dies-in-the-loader');
    t.match(end, {
      kind: 'machine',
      end: { kind: 'qemu-exit', exit: { kind: 'exit', code: 3 }, stderr: /out of memory/ },
    });
    t.ok(await at.isTidy());
  },
);

t.test('a QEMU that dies while its stub is talked to: the same, and the stop was missed', async (t) => {
  const at = bench(t);
  const { end, missed, checkpoints } = await boot(at, 'dies-in-the-middle');
  t.match(end, {
    kind: 'machine',
    end: { kind: 'qemu-exit', exit: { kind: 'exit', code: 134 }, stderr: /assertion failed/ },
  });
  t.strictSame([missed, checkpoints], [['entry'], []]);
  t.ok(await at.isTidy());
});

t.test('a guest that resets while its stub is silent', async (t) => {
  const at = bench(t);
  const { end } = await boot(at, 'resets', { deadline: Deadline.in(3000) });
  t.strictSame(end, { kind: 'machine', end: { kind: 'reset' } });
  t.ok(await at.isTidy());
});

t.test('a stub that never answers is the host’s fault, and costs no more than the deadline', async (t) => {
  const at = bench(t);
  const booted = boot(at, 'silent-gdbstub', { deadline: Deadline.in(2500) });
  await t.rejects(booted, DeadlineError);
  await t.rejects(booted, /the GDB stub's reply to qSupported/);
  t.ok(await at.isTidy());
});

t.test('a survey asked of a loader that loads', async (t) => {
  const at = bench(t);
  const { spec, directory } = at;
  const deadline = Deadline.in(20_000);
  await using session = await BootSession.launch({
    qemu: fakeQemu('silent-gdbstub'),
    spec,
    directory,
    deadline,
  });
  t.match((await session.run()).end, { kind: 'loader', detail: /a survey was asked for/ });
});

t.test('abort ends the machine, and the session says so', async (t) => {
  const at = bench(t);
  const controller = new AbortController();
  const onPhase = () => controller.abort();
  const { end } = await boot(at, 'ignores-sigterm', { signal: controller.signal, onPhase });
  t.match(end, { kind: 'machine', end: { kind: 'qemu-exit', exit: { kind: 'signal', signal: 'SIGKILL' } } });
  t.ok(await at.isTidy());
});
