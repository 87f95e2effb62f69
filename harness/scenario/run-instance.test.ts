import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bench, type Bench } from '../qemu/testdata/bench.ts';
import type { Expectation, InstanceResult } from './contract.ts';
import { runInstance, type InstanceRun } from './run-instance.ts';
import { fakeArtifacts, planned, runFolder } from './testdata/fake-run.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

const BOOTS: Expectation = { kind: 'boots' };

async function run(
  at: Bench,
  qemu: string,
  more: Partial<InstanceRun> & { expectation?: Expectation } = {},
): Promise<InstanceResult> {
  const { expectation, ...rest } = more;
  return runInstance({
    planned: await planned(at, {}, expectation),
    artifacts: await fakeArtifacts(at, qemu),
    runDirectory: join(at.directory, 'run'),
    timeoutMs: 20_000,
    repeat: 'npx loadbase run small',
    signal: new AbortController().signal,
    onPhase: () => undefined,
    ...rest,
  });
}

const NAME = 'small~bios~base-0x03fff000~memory-64';
const stderrOf = (at: Bench) => join(at.directory, 'run', NAME, 'qemu.stderr');

t.test('an instance that ends as expected', async (t) => {
  const at = bench(t);
  const folder = join(runFolder(at), NAME);
  mkdirSync(folder);
  writeFileSync(join(folder, 'serial.log'), 'of an earlier run\n');
  writeFileSync(join(folder, 'screen.png'), 'of an earlier run');
  const result = await run(at, 'refuses');
  t.match(result, {
    name: NAME,
    base: '0x03fff000',
    expected: 'GRUB refuses: there is no memory',
    verdict: 'pass',
    reason: /^refused as predicted: there is no memory at all of 0x03fff000–/,
    loadBaseAddress: null,
    accelerator: 'tcg',
    repeat: 'npx loadbase run small',
  });
  t.strictSame(result.evidence, {
    serial: `${NAME}/serial.log`,
    rawSerial: `${NAME}/serial.raw`,
    qmp: `${NAME}/qmp.log`,
    stderr: `${NAME}/qemu.stderr`,
    argv: `${NAME}/argv.json`,
  });
  t.notMatch(readFileSync(join(folder, 'serial.log'), 'utf8'), 'earlier run');
  t.notOk(existsSync(join(folder, 'payload.tar')), 'what can be packed again is not kept');
  t.equal(result.excerpt, undefined);
  t.ok(await at.isTidy(stderrOf(at)));
});

t.test('a broken host is an error, in its own words; evidence is kept as far as it got', async (t) => {
  const at = bench(t);
  const cases: [qemu: string, reason: RegExp, timeoutMs?: number][] = [
    ['exits-at-once', /^QEMU exited with 1 before it could be talked to: .*could not open disk image/s],
    ['dies-before-greeting', /failed to initialize kvm/],
    ['never-connects', /for QEMU to connect its monitor$/, 700],
    ['never-greets', /for the QMP greeting/, 2500],
    ['garbles-qmp', /HTTP\/1.1 400 Bad Request/],
    ['closes-serial', /^QEMU closed the serial port and went on/],
    ['silent-gdbstub', /the GDB stub's reply to qSupported/, 2500],
    ['dies-in-the-middle', /^QEMU ended by itself: .*assertion failed/s],
    ['dies-in-the-loader', /^QEMU ended by itself: .*out of memory/s],
  ];
  for (const [qemu, reason, timeoutMs = 20_000] of cases) {
    const result = await run(at, qemu, { timeoutMs, expectation: BOOTS });
    t.match(result, { verdict: 'error', reason, death: { kind: 'qemu-error' } }, qemu);
    t.match(result.evidence, { stderr: /qemu.stderr$/, argv: /argv.json$/, serial: /serial.log$/ }, qemu);
    t.ok(await at.isTidy(stderrOf(at)), `${qemu} leaves nothing`);
  }
});

t.test('a guest without an end is a crash, with the last that was seen of it', async (t) => {
  const at = bench(t);
  const silent = await run(at, 'ignores-sigterm', { timeoutMs: 2500, expectation: BOOTS });
  t.match(silent, {
    verdict: 'crash',
    reason:
      /^firmware hang: the loader did not start in time.*; time was up while it waited for .*serial console/,
  });
  const flood = await run(at, 'floods-serial', { expectation: BOOTS });
  t.match(flood, {
    verdict: 'crash',
    reason: /the guest flooded its serial console/,
    death: { kind: 'console-flood' },
  });
  t.match(flood.excerpt?.[0], 'all work and no play');
  const reset = await run(at, 'resets', { timeoutMs: 3000, expectation: BOOTS });
  t.match(reset, {
    verdict: 'crash',
    reason: /^reset or triple fault \(the accelerator does not tell\)/,
    loadBaseAddress: '0x00400000',
    death: { kind: 'reset-or-triple-fault', lastLandmark: 'loaded', pc: null, registers: {} },
  });
  t.ok(await at.isTidy(stderrOf(at)));
});

t.test('a refusal that was not expected is the subject’s or the loader’s failure', async (t) => {
  const at = bench(t);
  const result = await run(at, 'refuses', { expectation: BOOTS });
  t.match(result, { verdict: 'fail', reason: /^GRUB refused: couldn't find suitable memory target/ });
  t.ok(existsSync(join(at.directory, 'run', NAME, 'payload.tar')), 'what failed can be repeated');
});

t.test('abort ends the machine', async (t) => {
  const at = bench(t);
  const controller = new AbortController();
  const { signal } = controller;
  const result = await run(at, 'ignores-sigterm', { signal, onPhase: () => controller.abort() });
  t.match(result, { verdict: 'error', reason: /^QEMU ended by itself/ });
  t.ok(await at.isTidy(stderrOf(at)));
});

t.test('a folder that cannot be made is an error that says what to do', async (t) => {
  const at = bench(t);
  writeFileSync(join(runFolder(at), NAME), 'a file where the folder should be');
  const result = await run(at, 'refuses');
  t.match(result, {
    verdict: 'error',
    reason: /can not write in .* \(EEXIST\); choose another folder with --out/,
  });
  t.strictSame(result.evidence, {});
});
