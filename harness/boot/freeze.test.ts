import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import { bootMedium } from '../image/medium.ts';
import { builtGrub } from '../image/testdata/built-grub.ts';
import { UnsavableError } from '../qemu/machine-state.ts';
import { bench, fakeQemu, type Bench } from '../qemu/testdata/bench.ts';
import { freeze, NotFrozenError, type FreezeRequest } from './freeze.ts';
import { readFrozenMachine } from './frozen-machine.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

function request(at: Bench, qemu: string, more: Partial<FreezeRequest> = {}): FreezeRequest {
  const into = join(at.directory, 'into');
  mkdirSync(into, { recursive: true });
  return {
    ...{ qemu: fakeQemu(qemu), spec: at.spec, driveSizeBytes: 1 << 20, into },
    ...{ evidence: join(at.directory, 'evidence'), deadline: Deadline.in(20_000) },
    ...more,
  };
}

const evidence = ({ directory }: Bench, name: string) => join(directory, 'evidence', name);

t.test('the real GRUB stands where it is ready, and has said so', async (t) => {
  const at = bench(t);
  const context = { cacheRoot: join(at.directory, 'cache'), onProgress: () => {} };
  const medium = await bootMedium('iso', await builtGrub(), context);
  const spec = { ...at.spec, memoryMib: 256, medium: { kind: 'iso', path: medium.path } } as const;
  const wanted = request(at, '', { qemu: 'qemu-system-x86_64', spec });
  await freeze(wanted);
  t.strictSame(readdirSync(wanted.into).sort(), ['console', 'devices', 'extents.json', 'ram']);
  const machine = await readFrozenMachine(wanted.into, spec);
  t.match(Buffer.from(machine.console).toString(), /loadbase: memory map end[^]*loadbase: ready[\r\n]+$/);
  t.ok(machine.state.ram.bytes.length > 1 << 20);
  t.notOk(existsSync(evidence(at, 'payload')), 'no blank drive is left');
  t.match(readFileSync(evidence(at, 'serial.log'), 'utf8'), 'loadbase: ready');
});

t.test('a boot that ends before: how, and where its logs are', async (t) => {
  const at = bench(t);
  const frozen = freeze(request(at, 'dies-in-the-firmware'));
  await t.rejects(frozen, NotFrozenError);
  t.match(await frozen.catch((error: unknown) => error), {
    end: { kind: 'machine', end: { kind: 'qemu-exit', exit: { code: 3 } } },
  });
  await t.rejects(frozen, {
    message:
      /^the boot to be frozen ended before GRUB was ready \(QEMU exited: [^]*out of memory\); its logs are in .*evidence$/,
  });
  t.strictSame(readdirSync(join(at.directory, 'into')), []);
  t.notOk(existsSync(evidence(at, 'payload')));
  t.ok(await at.isTidy(evidence(at, 'qemu.stderr')));
});

t.test('what cannot be saved is not booted', async (t) => {
  const at = bench(t);
  await t.rejects(freeze(request(at, 'refuses')), UnsavableError);
  t.equal(readFileSync(evidence(at, 'serial.log'), 'utf8'), '');
  t.ok(await at.isTidy(evidence(at, 'qemu.stderr')));
});

t.test('time that is up, and abort', async (t) => {
  const at = bench(t);
  await t.rejects(freeze(request(at, 'never-connects', { deadline: Deadline.in(700) })), DeadlineError);
  const late = freeze(request(at, 'ignores-sigterm', { deadline: Deadline.in(2500) }));
  await t.rejects(late, { name: 'NotFrozenError', message: /timed out waiting for .*loader started/ });
  const controller = new AbortController();
  const aborted = freeze(request(at, 'ignores-sigterm', { signal: controller.signal }));
  setTimeout(() => controller.abort(new Error('Ctrl-C')), 300);
  await t.rejects(aborted, { message: 'Ctrl-C' });
  t.notOk(existsSync(evidence(at, 'payload')));
  t.ok(await at.isTidy(evidence(at, 'qemu.stderr')));
});
