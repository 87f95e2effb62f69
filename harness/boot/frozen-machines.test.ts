import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { fakeQemu } from '../qemu/testdata/bench.ts';
import type { FrozenSpec } from './frozen-request.ts';
import { evidenceOf, forge, leavesNothing, stock } from './testdata/frozen-stock.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

t.test('made once, kept, found again by another run', async (t) => {
  const at = stock(t);
  const [one, other] = await Promise.all([at.machines.find(at.wanted), at.machines.find(at.wanted)]);
  t.ok(one);
  t.equal(one, other, 'whoever waits gets the same');
  t.match(
    Buffer.from(one?.console ?? '').toString(),
    /^loadbase: loader started\r\n[^]*loadbase: ready\r\n$/,
  );
  t.equal(readFileSync(one?.state.devices ?? '', 'utf8'), 'devices');
  t.equal(at.boots(), 1);
  const later = at.again();
  t.ok(await later.machines.find(later.wanted));
  t.equal(later.boots(), 0);
  t.strictSame([...at.notices, ...later.notices], []);
  t.ok(await at.isTidy(evidenceOf(at)));
});

t.test('whatever decides what it is decides its key; a path does not', async (t) => {
  const at = stock(t);
  const { spec } = at.wanted;
  const key = await at.machines.key(at.wanted);
  const files = { other: join(at.directory, 'other'), same: join(at.directory, 'same') };
  writeFileSync(files.other, 'another medium');
  writeFileSync(files.same, readFileSync(spec.medium.path));
  const efi = (executable: string, variablesTemplate: string): FrozenSpec['spec'] => ({
    ...spec,
    firmware: { kind: 'efi', executable, variablesTemplate, executableFormat: 'raw', variablesFormat: 'raw' },
  });
  const others: Record<string, FrozenSpec> = {
    memory: { ...at.wanted, spec: { ...spec, memoryMib: 128 } },
    machine: { ...at.wanted, spec: { ...spec, machine: 'pc' } },
    accelerator: { ...at.wanted, spec: { ...spec, accelerator: 'kvm' } },
    'CPU features': { ...at.wanted, spec: { ...spec, cpuFeatures: ['lm=off'] } },
    'medium’s kind': { ...at.wanted, spec: { ...spec, medium: { ...spec.medium, kind: 'disk' } } },
    medium: { ...at.wanted, spec: { ...spec, medium: { kind: 'iso', path: files.other } } },
    'drive size': { ...at.wanted, driveSizeBytes: 2 << 20 },
    SeaBIOS: { ...at.wanted, firmwareSha256: '3'.repeat(64) },
    UEFI: { ...at.wanted, spec: efi(files.same, files.same) },
    'UEFI’s code': { ...at.wanted, spec: efi(files.other, files.same) },
    'UEFI’s variables': { ...at.wanted, spec: efi(files.same, files.other) },
  };
  const keys = [key];
  for (const [what, wanted] of Object.entries(others)) {
    const other = await at.machines.key(wanted);
    t.notOk(keys.includes(other), what);
    keys.push(other);
  }
  const qemu = { path: fakeQemu('forks'), version: '7.2.22', sha256: '4'.repeat(64) };
  t.not(await stock(t, 'forks', { qemu }, at).machines.key(at.wanted), key, 'QEMU');
  const moved = { ...at.wanted, spec: { ...spec, medium: { kind: 'iso', path: files.same } as const } };
  t.equal(await at.machines.key(moved), key);
});

t.test('forks that fail together are one failure; one more is the last', async (t) => {
  const at = stock(t);
  const first = await at.machines.find(at.wanted);
  if (!first) return t.fail('none was made');
  await Promise.all([1, 2, 3].map(() => at.machines.giveBack(at.wanted, first, 'it is no good')));
  t.strictSame(at.notices, [
    'a fork of the frozen bios-q35-iso-64 did not go on (it is no good); it is made anew',
  ]);
  const second = await at.machines.find(at.wanted);
  t.ok(second);
  t.not(second, first);
  t.equal(at.boots(), 2);
  await at.machines.giveBack(at.wanted, first, 'it was slow to notice');
  t.equal(await at.machines.find(at.wanted), second, 'of the one before');
  if (second) await at.machines.giveBack(at.wanted, second, 'it is no better');
  t.equal(await at.machines.find(at.wanted), undefined);
  t.equal(await at.machines.find(at.wanted), undefined);
  t.equal(at.boots(), 2);
  t.strictSame(at.notices.slice(1), [
    'no fork of the frozen bios-q35-iso-64 goes on (it is no better); its instances boot cold',
  ]);
});

t.test('what another run has made anew meanwhile is not thrown away', async (t) => {
  const at = stock(t);
  const machine = await at.machines.find(at.wanted);
  const later = at.again();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const [entry = ''] = at.entries();
  appendFileSync(join(entry, 'console'), 'x');
  t.ok(await later.machines.find(later.wanted), 'it was damaged, and is anew');
  if (machine) await at.machines.giveBack(at.wanted, machine, 'it is no good');
  t.ok(await at.machines.find(at.wanted));
  t.equal(at.boots(), 1, 'the one of the other run is taken');
});

t.test('only so much is held in memory; the rest is read again', async (t) => {
  const at = stock(t, 'forks', { heldBytes: 0 });
  const small = await at.machines.find(at.wanted);
  t.equal(await at.machines.find(at.wanted), small, 'no memory is held for it');
  const [entry = ''] = at.entries();
  forge(entry, 'extents.json', '[{"start":0,"end":4096}]');
  forge(entry, 'ram', ' '.repeat(4096));
  const later = at.again();
  const one = await later.machines.find(later.wanted);
  t.not(await later.machines.find(later.wanted), one);
  t.strictSame([later.boots(), later.notices], [0, []]);
});

t.test('a QEMU that cannot do it is asked once a run', async (t) => {
  const at = stock(t, 'refuses');
  const larger = { ...at.wanted, driveSizeBytes: 2 << 20 };
  for (const wanted of [at.wanted, at.wanted, larger]) t.equal(await at.machines.find(wanted), undefined);
  t.strictSame(at.notices, [
    'no machine can be frozen (this QEMU cannot put a machine into files: QMP migrate-set-capabilities: ' +
      "Invalid parameter 'x-ignore-shared' (GenericError)); instances boot cold, which takes longer",
  ]);
  t.equal(readdirSync(join(at.directory, 'preparation')).length, 1);
  await leavesNothing(t, at);
});

t.test('a boot that ends before GRUB is ready: told with where its logs are', async (t) => {
  const at = stock(t, 'dies-in-the-firmware');
  t.equal(await at.machines.find(at.wanted), undefined);
  t.equal(await at.machines.find(at.wanted), undefined);
  t.match(at.notices, [
    /^bios-q35-iso-64 cannot be frozen \(the boot to be frozen ended before GRUB was ready \(QEMU exited: .*out of memory\); its logs are in .*\/preparation\/frozen-bios-q35-iso-64-[0-9a-f]{8}\); its instances boot cold$/,
  ]);
  t.equal(at.notices.length, 1);
  await leavesNothing(t, at);
});

t.test('QEMU that does not start: its first words', async (t) => {
  const at = stock(t, 'exits-at-once');
  t.equal(await at.machines.find(at.wanted), undefined);
  t.match(at.notices, [
    /^bios-q35-iso-64 cannot be frozen \(QEMU exited with 1: [^\n]*\); its instances boot cold$/,
  ]);
  await leavesNothing(t, at);
});

t.test('a cache that cannot be written', async (t) => {
  const at = stock(t);
  writeFileSync(at.cacheRoot, 'a file in its place');
  t.equal(await at.machines.find(at.wanted), undefined);
  t.match(at.notices, [
    /^no machine can be frozen \(the cache .*: .*\); instances boot cold, which takes longer$/,
  ]);
});

t.test('a medium that is gone', async (t) => {
  const at = stock(t);
  rmSync(at.wanted.spec.medium.path);
  await t.rejects(at.machines.key(at.wanted), { code: 'ENOENT' });
  t.equal(await at.machines.find(at.wanted), undefined);
  t.match(at.notices, [
    /^bios-q35-iso-64 cannot be frozen \(ENOENT: .*medium.iso.*\); its instances boot cold$/,
  ]);
});

t.test('abort ends the boot, and nothing is told or kept', async (t) => {
  const controller = new AbortController();
  const at = stock(t, 'ignores-sigterm', { signal: controller.signal });
  const found = at.machines.find(at.wanted);
  const timer = setInterval(() => {
    const isBooting = existsSync(join(at.directory, 'preparation')) && existsSync(evidenceOf(at));
    if (isBooting && readFileSync(evidenceOf(at), 'utf8').includes('pid'))
      controller.abort(new Error('Ctrl-C'));
  }, 20);
  await t.rejects(found, { message: 'Ctrl-C' });
  clearInterval(timer);
  t.strictSame(at.notices, []);
  await leavesNothing(t, at);
});

t.test('a use is remembered, and an old one goes when a new one comes', async (t) => {
  const at = stock(t);
  await at.machines.find(at.wanted);
  const [entry = ''] = at.entries();
  const manifest = join(entry, 'manifest.json');
  utimesSync(manifest, 1, 1);
  await at.again().machines.find(at.wanted);
  t.ok(Date.now() - statSync(manifest).mtimeMs < 60_000);
});
