/** What becomes of an instance whose fork fails: no trouble of the host's, or of a frozen machine's, is blamed on the subject. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bench, type Bench } from '../qemu/testdata/bench.ts';
import type { Expectation, InstanceResult } from './contract.ts';
import { Forks } from './forks.ts';
import { runInstance, type InstanceRun } from './run-instance.ts';
import { fakeArtifacts, planned, runFolder } from './testdata/fake-run.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

const BOOTS: Expectation = { kind: 'boots' };
const NAME = 'small~bios~base-0x03fff000~memory-64';

interface ForkingRun {
  readonly at: Bench;
  readonly notices: string[];
  readonly forks: Forks;
  readonly run: (more?: Partial<InstanceRun>, expectation?: Expectation) => Promise<InstanceResult>;
  /** No process, no folder of a machine; the cache holds whole entries only. */
  readonly isTidy: () => Promise<boolean>;
}

async function forking(t: Test, qemu: string): Promise<ForkingRun> {
  const at = bench(t);
  const runDirectory = runFolder(at);
  const notices: string[] = [];
  const artifacts = await fakeArtifacts(at, qemu);
  const cacheRoot = join(at.directory, 'cache');
  const forks = new Forks(artifacts, {
    context: { cacheRoot, onProgress: () => undefined },
    evidence: (name) => join(runDirectory, 'preparation', name),
    onNotice: (text) => notices.push(text),
  });
  return {
    ...{ at, notices, forks },
    run: async (more = {}, expectation = undefined) =>
      runInstance({
        planned: await planned(at, {}, expectation),
        ...{ artifacts, runDirectory, forks, timeoutMs: 20_000, repeat: 'npx loadbase run small' },
        signal: new AbortController().signal,
        onPhase: () => undefined,
        ...more,
      }),
    isTidy: async () =>
      (await at.isTidy(join(runDirectory, NAME, 'qemu.stderr'))) &&
      (!existsSync(join(cacheRoot, 'build')) || readdirSync(join(cacheRoot, 'build')).length === 0),
  };
}

t.test('a fork has the verdict of a cold boot, and says what it was', async (t) => {
  const { run, isTidy, notices } = await forking(t, 'forks');
  const result = await run();
  t.match(result, { verdict: 'pass', reason: /^refused as predicted/, start: 'fork' });
  t.match(await run({ forks: undefined }), { verdict: 'pass', reason: result.reason, start: 'cold' });
  t.match(
    await run({ witnesses: 'but-layout' }),
    { verdict: 'pass', start: 'cold' },
    'without shared memory there is no fork',
  );
  t.strictSame(notices, []);
  t.ok(await isTidy());
});

/** The frozen machine is given back twice, then the instance boots cold; the fakes are well behaved then. */
const useless: readonly (readonly [qemu: string, cause: RegExp])[] = [
  ['fork-refuses-to-load', /QMP migrate-incoming: Invalid parameter 'x-ignore-shared'/],
  ['fork-dies-loading', /QEMU exited with 1: .*Unknown savevm section or instance 'PIIX3' 0/],
  ['forks-read-nothing', /GRUB was to read the choice ".*" from the payload drive, but read "of another"/],
];
for (const [qemu, cause] of useless)
  t.test(`${qemu}: made anew, then cold, and each is told once a run`, async (t) => {
    const { run, notices, isTidy } = await forking(t, qemu);
    for (const result of await Promise.all([run(), run({ runDirectory: secondFolder(t) })]))
      t.match(result, { verdict: 'pass', start: 'cold' });
    t.match(await run(), { verdict: 'pass', start: 'cold' });
    t.match(notices, [
      /^a fork of the frozen bios-q35-iso-64 did not go on \([^\n]*\); it is made anew$/,
      /^no fork of the frozen bios-q35-iso-64 goes on \([^\n]*\); its instances boot cold$/,
    ]);
    t.equal(notices.length, 2);
    for (const notice of notices) t.match(notice, cause);
    t.ok(await isTidy());
  });

function secondFolder(t: Test): string {
  const folder = join(t.testdirName, 'second');
  mkdirSync(folder);
  return folder;
}

/** The host's trouble ends the instance as an error; the frozen machine is as good as before. */
const hostFaults: readonly (readonly [qemu: string, reason: RegExp, timeoutMs: number])[] = [
  ['fork-is-silent', /^waited \d\.\d s for the reply to QMP migrate-set-capabilities/, 2500],
  ['fork-loads-nothing', /^waited \d\.\d s for (a|the) .*event/, 2500],
  ['fork-is-killed', /^QEMU ended by itself/, 20_000],
];
for (const [qemu, reason, timeoutMs] of hostFaults)
  t.test(`${qemu}: an error with evidence, in bounded time`, async (t) => {
    const { run, notices, isTidy } = await forking(t, qemu);
    const result = await run({ timeoutMs }, BOOTS);
    t.match(result, { verdict: 'error', reason, start: 'fork', death: { kind: 'qemu-error' } });
    t.match(result.evidence, {
      qmp: /qmp.log$/,
      stderr: /qemu.stderr$/,
      argv: /argv.json$/,
      serial: /serial.log$/,
    });
    t.strictSame(notices, []);
    t.ok(await isTidy());
  });

t.test('a frozen machine that is taken away while it is in use is made anew', async (t) => {
  const { at, run, notices } = await forking(t, 'forks');
  await run();
  rmSync(join(at.directory, 'cache', 'entries'), { recursive: true });
  t.match(await run(), { verdict: 'pass', start: 'fork' });
  t.strictSame(notices, [
    'a fork of the frozen bios-q35-iso-64 did not go on (its devices cannot be read (ENOENT)); it is made anew',
  ]);
});

t.test(
  'no room for RAM while another holds it: cold, told once, and the frozen machine is kept',
  async (t) => {
    const { at, forks, notices } = await forking(t, 'forks');
    const ready = await planned(at);
    t.ok(await forks.find(ready));
    const full = { ...ready, spec: { ...ready.spec, memoryMib: 2 ** 30 } };
    t.equal(await forks.find(full), undefined);
    t.strictSame(notices, [
      'no machine can be frozen (no memory file system (/dev/shm, or TMPDIR) has room for the machine’s RAM as a file); ' +
        'instances boot cold, which takes longer',
    ]);
  },
);

t.test('no room for a fork’s RAM: cold, told, and the frozen machine is kept', async (t) => {
  const { at, run, isTidy } = await forking(t, 'refuses');
  const told: string[] = [];
  const forks = {
    find: async () => ({
      state: { devices: 'none', ram: { extents: [], bytes: new Uint8Array() } },
      console: '',
    }),
    giveBack: async () => t.fail('it is as good as before'),
    tellHostFault: (error: Error) => void told.push(error.message),
  } as unknown as Forks;
  const ready = await planned(at);
  const full = { ...ready, spec: { ...ready.spec, memoryMib: 2 ** 30 } };
  t.match(await run({ planned: full, forks }), { verdict: 'pass', start: 'cold' });
  t.match(told, [/^no memory file system .* has room for the machine’s RAM as a file$/]);
  t.ok(await isTidy());
});

t.test('what cannot be had has no key, and no run ends of it', async (t) => {
  const { at, forks, notices, run } = await forking(t, 'refuses');
  const ready = await planned(at);
  const gone = {
    ...ready,
    spec: { ...ready.spec, medium: { kind: 'iso', path: '/not-there.iso' } as const },
  };
  t.equal(await forks.key(gone), undefined);
  t.strictSame(notices, []);
  t.equal(await forks.find(gone), undefined);
  t.match(notices, [
    /^bios-q35-iso-64 cannot be frozen \(ENOENT: .*\/not-there\.iso'\); its instances boot cold$/,
  ]);
  const quoted = {
    ...ready,
    given: { ...ready.given, modules: [{ bytes: new Uint8Array(), arguments: '"' }] },
  };
  t.equal(await forks.key(quoted), undefined);
  t.match(await run({ planned: quoted }), {
    verdict: 'error',
    reason: /GRUB would alter the arguments of module 0/,
  });
  t.notOk(existsSync(join(at.directory, 'cache', 'entries')));
});
