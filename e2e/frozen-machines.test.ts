/**
 * CLAIM: a frozen machine in the cache is never a reason for another verdict, nor for anything that is left behind:
 * damaged, made by two runs at once, killed while it is made, or with no room to be made.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Deadline } from '../harness/lifetime/deadline.ts';
import { poll } from '../harness/lifetime/poll.ts';
import {
  BIN,
  gone,
  machinesOf,
  readResults,
  resultOf,
  run,
  start,
  startLoadbase,
  type RunningCommand,
} from './command.ts';
import { warmCache } from './testdata/warm-cache.ts';

const BIOS = 'xen-early-boot~bios~base-0x03e00000';
const EFI = 'xen-early-boot~efi~base-0x03e00000';

/** Bounds of waits that end as soon as what they wait for is there. */
const START_MS = 60_000;
const END_MS = 90_000;

interface Cache {
  readonly env: { readonly XDG_CACHE_HOME: string };
  /** Folders of frozen machines. */
  frozen(): string[];
  /** What is half made. */
  half(): string[];
}

function cacheOf(folder: string): Cache {
  const home = warmCache(join(folder, 'cache'));
  const named = (kind: string) => {
    const path = join(home, 'loadbase', kind);
    if (!existsSync(path)) return [];
    return readdirSync(path)
      .filter((name) => name.startsWith('frozen-'))
      .map((name) => join(path, name));
  };
  return { env: { XDG_CACHE_HOME: home }, frozen: () => named('entries'), half: () => named('build') };
}

/** Folders of machines of that run, in memory and for sockets. */
const foldersOf = (pid: number) =>
  ['/dev/shm', tmpdir()].flatMap((base) =>
    existsSync(base) ? readdirSync(base).filter((name) => name.startsWith(`loadbase-${pid}-`)) : [],
  );

const wereFrozen = (out: string) =>
  existsSync(join(out, 'preparation'))
    ? readdirSync(join(out, 'preparation')).filter((name) => name.startsWith('frozen-')).length
    : 0;

async function endedAsFork(t: Test, command: RunningCommand, out: string, name: string): Promise<void> {
  const { code, stderr } = await Deadline.in(END_MS).wait(command.ended, 'the end of the run');
  t.equal(code, 0, `exit code; standard error: ${stderr}`);
  t.match(resultOf(await readResults(out), name), { verdict: 'pass', start: 'fork' });
}

t.test('two runs that want the same one at once: it is made once', async (t) => {
  const folder = t.testdir({});
  const cache = cacheOf(folder);
  const outs = ['one', 'two'].map((name) => join(folder, name));
  await Promise.all(
    outs.map(async (out) => {
      await using command = startLoadbase(['run', BIOS, '--out', out], cache);
      await endedAsFork(t, command, out, BIOS);
    }),
  );
  t.equal(cache.frozen().length, 1);
  t.equal(wereFrozen(outs[0] ?? '') + wereFrozen(outs[1] ?? ''), 1);
  t.strictSame(cache.half(), []);
});

/** A run that boots the machine which is to be frozen. */
async function freezing(out: string, cache: Cache) {
  const command = startLoadbase(['run', EFI, '--out', out, '--reporter', 'tap'], cache);
  const machines = await poll('a machine that is to be frozen', Deadline.in(START_MS), () => {
    const found = machinesOf(command.pid);
    return cache.half().length > 0 && wereFrozen(out) > 0 && found.length > 0 ? found : undefined;
  });
  return { command, machines };
}

t.test('SIGKILL while it is made: who waits for it makes it, and nothing is left', async (t) => {
  const folder = t.testdir({});
  const cache = cacheOf(folder);
  const [killed, waits] = [join(folder, 'killed'), join(folder, 'waits')];
  const { command, machines } = await freezing(killed, cache);
  await using _ = command;
  await using other = startLoadbase(['run', EFI, '--out', waits, '--reporter', 'tap'], cache);
  await poll(
    'the other to wait',
    Deadline.in(START_MS),
    () => /another run is building frozen-efi/.test(other.stdout()) || undefined,
  );
  command.kill('SIGKILL');
  await command.ended;
  await t.resolves(gone(machines, END_MS), 'no machine is left');
  await endedAsFork(t, other, waits, EFI);
  t.strictSame([cache.frozen().length, cache.half()], [1, []]);
  t.strictSame(foldersOf(command.pid), [], 'the other has tidied up');
});

t.test('SIGINT while it is made', async (t) => {
  const folder = t.testdir({});
  const cache = cacheOf(folder);
  const { command, machines } = await freezing(join(folder, 'run'), cache);
  await using _ = command;
  command.kill('SIGINT');
  const { code, stdout } = await Deadline.in(END_MS).wait(command.ended, 'the end after SIGINT');
  t.equal(code, 130);
  t.notMatch(stdout, /cannot be frozen|boot cold/, 'that is no fault of the machine');
  await t.resolves(gone(machines, END_MS), 'no machine is left');
  t.strictSame([cache.frozen(), cache.half(), foldersOf(command.pid)], [[], [], []]);
  t.strictSame((await readResults(join(folder, 'run'))).instances, []);
});

t.test('damaged, and damaged with sums that are right: told, made anew, the same verdict', async (t) => {
  const folder = t.testdir({});
  const cache = cacheOf(folder);
  const out = (name: string) => ({ ...cache, out: join(folder, name) });
  t.match(resultOf((await run(t, [BIOS], out('whole'))).results, BIOS), { verdict: 'pass', start: 'fork' });
  const [entry = ''] = cache.frozen();
  truncateSync(join(entry, 'ram'), 3);
  const cut = await run(t, [BIOS], out('cut'));
  t.match(resultOf(cut.results, BIOS), { verdict: 'pass', start: 'fork' });
  t.match(
    cut.stdout,
    /frozen-bios-[0-9a-f]{8}: the cached result is damaged \(ram has 3 bytes, not \d+\) and has to be built again/,
  );
  forgeHalf(entry);
  const forged = await run(t, [BIOS], out('forged'));
  t.match(resultOf(forged.results, BIOS), { verdict: 'pass', start: 'fork' });
  t.match(
    forged.stdout,
    /a fork of the frozen bios-q35-iso-\d+ did not go on \(QEMU exited with 1: .*\); it is made anew/,
  );
  t.strictSame([cache.frozen(), cache.half()], [[entry], []]);
});

/** Half of the devices' stream, with sums that say that it is whole. */
function forgeHalf(entry: string): void {
  const whole = readFileSync(join(entry, 'devices'));
  const half = whole.subarray(0, whole.length / 2);
  writeFileSync(join(entry, 'devices'), half);
  const path = join(entry, 'manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { files: Record<string, object> };
  manifest.files['devices'] = {
    sha256: createHash('sha256').update(half).digest('hex'),
    sizeBytes: half.length,
  };
  writeFileSync(path, JSON.stringify(manifest));
}

/** Runs two instances after `prepare`, in a mount namespace of its own. @returns undefined where none can be made. */
async function runConfined(folder: string, prepare: string) {
  const { env } = cacheOf(folder);
  const script = `
    cache=$XDG_CACHE_HOME/loadbase
    { ${prepare}; } || exit 99
    "$@" &
    pid=$!
    wait $pid
    code=$?
    ls -d $cache/entries/frozen-* $cache/build/* /dev/shm/loadbase-$pid-* 2>/dev/null | sed 's/^/left: /'
    exit $code`;
  const out = join(folder, 'run');
  const args = ['run', BIOS, 'xen-early-boot~bios~base-0x00200000', '--out', out, '--reporter', 'tap'];
  const command = [
    '--mount',
    '--user',
    '--map-root-user',
    'sh',
    '-c',
    script,
    'sh',
    process.execPath,
    BIN,
    ...args,
  ];
  await using running = start('unshare', command, { env });
  const end = await running.ended;
  if (end.code === 99 || end.stderr.includes('unshare')) return undefined;
  if (!existsSync(join(out, 'results.json'))) throw new Error(`no results: ${end.stderr}`);
  const told = end.stdout.split('\n').filter((line) => /boot cold/.test(line));
  return { ...end, told, results: await readResults(out) };
}

const confinements: Readonly<Record<string, readonly [prepare: string, told: RegExp]>> = {
  'a cache without room': [
    'mount -t tmpfs -o size=2m none /mnt && cp -a $cache/. /mnt/ && mount --bind /mnt $cache',
    /no machine can be frozen \(the cache .*\/loadbase: no space left on its disk\); instances boot cold, which takes longer/,
  ],
  'no room in memory file systems': [
    'mount -t tmpfs -o size=1m none /dev/shm && mount -t tmpfs -o size=16m none /mnt && export TMPDIR=/mnt',
    /no machine can be frozen \(no memory file system \(\/dev\/shm, or TMPDIR\) has room .*\); instances boot cold, which/,
  ],
};
for (const [name, [prepare, words]] of Object.entries(confinements))
  t.test(`${name}: cold, told once, and nothing is left`, async (t) => {
    const end = await runConfined(t.testdir({}), prepare);
    if (!end) return t.plan(0, 'no mount namespace can be made here');
    t.equal(end.code, 0, end.stderr);
    for (const result of end.results.instances) t.match(result, { verdict: 'pass', start: 'cold' });
    t.match(end.told, [words]);
    t.equal(end.told.length, 1);
    t.notMatch(end.stdout, /^left: /m);
  });

t.test('a fork that is killed: an error with evidence, and the next is a fork again', async (t) => {
  const folder = t.testdir({});
  const cache = cacheOf(folder);
  t.equal((await run(t, [EFI], { ...cache, out: join(folder, 'made') })).code, 0);
  const out = join(folder, 'killed');
  await using command = startLoadbase(['run', EFI, '--out', out, '--reporter', 'tap'], cache);
  const subject = await poll('a fork that runs', Deadline.in(START_MS), () => {
    const log = join(out, EFI, 'serial.log');
    return existsSync(log) && readFileSync(log, 'utf8').includes('loadbase: loading')
      ? machinesOf(command.pid)[0]
      : undefined;
  });
  process.kill(subject, 'SIGKILL');
  t.equal((await command.ended).code, 3);
  const result = resultOf(await readResults(out), EFI);
  t.match(result, {
    verdict: 'error',
    reason: /^QEMU (ended by itself|was ended by SIGKILL)/,
    death: { kind: 'qemu-error' },
  });
  t.match(result.evidence, { serial: /serial.log$/, qmp: /qmp.log$/ });
  t.strictSame(foldersOf(command.pid), []);
  const again = await run(t, [EFI], { ...cache, out: join(folder, 'again') });
  t.match(resultOf(again.results, EFI), { verdict: 'pass', start: 'fork' });
});
