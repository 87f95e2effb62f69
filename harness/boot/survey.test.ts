import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { bench, fakeQemu, type Bench } from '../qemu/testdata/bench.ts';
import { UnwritableFolderError } from '../workdir/folder-errors.ts';
import { proveAccelerator, rememberedAccelerator } from './accelerator-proof.ts';
import { survey, SurveyError, SurveyStore } from './survey.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

const asked = (at: Bench, name: string, ms = 20_000) => ({
  qemu: fakeQemu(name),
  spec: at.spec,
  directory: join(at.directory, 'survey'),
  deadline: Deadline.in(ms),
});

t.test('a survey gives the memory map, and is remembered by what decides it', async (t) => {
  const at = bench(t);
  const found = await survey(asked(at, 'refuses'));
  t.match(found.memoryMap, [
    { start: 0, end: 0x9fc00, use: 'free' },
    { start: 0xf0000, end: 0x100000, use: 'reserved' },
    { start: 0x100000, end: 0x4000000, use: 'free' },
  ]);
  t.ok(await at.isTidy(join(at.directory, 'survey', 'qemu.stderr')));
  const store = new SurveyStore(join(at.directory, 'cache'));
  t.equal(await store.find({ qemu: 'a' }), undefined);
  await store.keep({ qemu: 'a' }, found);
  t.strictSame(await store.find({ qemu: 'a' }), found);
  t.equal(await store.find({ qemu: 'b' }), undefined);
});

t.test('a shutdown that is heard before the last lines of the console is no failure', async (t) => {
  const at = bench(t);
  const { memoryMap } = await survey(asked(at, 'shuts-down-before-it-speaks'));
  t.equal(memoryMap.length, 3);
});

t.test('a remembered survey that is no survey is forgotten', async (t) => {
  const at = bench(t);
  const store = new SurveyStore(at.directory);
  for (const content of ['null', '{}', '[]', '{"memoryMap":3}', 'not JSON']) {
    await store.keep({}, { memoryMap: [], durationMs: 1 });
    t.ok(await store.find({}));
    const [file] = readdirSync(join(at.directory, 'surveys'));
    writeFileSync(join(at.directory, 'surveys', file ?? ''), content);
    t.equal(await store.find({}), undefined, content);
  }
});

t.test('a survey that ends otherwise says how, with its last line and its logs', async (t) => {
  const at = bench(t);
  const cases: [name: string, text: RegExp][] = [
    [
      'dies-in-the-loader',
      /\(QEMU exited: pid \d+\nqemu: out of memory; last console line: loadbase: choice survey\)/,
    ],
    ['closes-serial', /\(the serial console closed before/],
    [
      'silent-gdbstub',
      /\(the machine was held, but not by our|\(a survey was asked for, but the loader loaded/,
    ],
  ];
  for (const [name, text] of cases) {
    const failed = survey(asked(at, name));
    await t.rejects(failed, SurveyError, name);
    await t.rejects(failed, text, name);
    await t.rejects(failed, /its logs are in .*survey$/, name);
  }
  await t.rejects(survey(asked(at, 'ignores-sigterm', 2500)), /timed out waiting for “loader started”/);
});

t.test('a folder that cannot be made is no survey’s fault', async (t) => {
  const at = bench(t);
  writeFileSync(join(at.directory, 'survey'), 'a file');
  await t.rejects(survey(asked(at, 'refuses')), UnwritableFolderError);
});

t.test('an accelerator counts once it has booted a survey; the answer is remembered', async (t) => {
  const at = bench(t);
  const device = join(at.directory, 'kvm');
  writeFileSync(device, '');
  const cacheRoot = join(at.directory, 'cache');
  let probes = 0;
  const prove = (name: string, inputs: Record<string, string>, kvmDevice = device) =>
    proveAccelerator({
      ...{ qemu: fakeQemu(name), spec: at.spec, directory: join(at.directory, 'probe') },
      ...{ cacheRoot, inputs, kvmDevice, onProbe: () => probes++ },
    });
  t.match(await prove('refuses', { a: '1' }, '/not/there'), {
    accelerator: 'tcg',
    reason: 'there is no /not/there',
  });
  t.equal(probes, 0);
  t.match(await prove('refuses', { a: '1' }), {
    accelerator: 'kvm',
    reason: /^KVM booted a survey in \d+\.\d s$/,
  });
  t.match(await prove('exits-at-once', { a: '1' }), { accelerator: 'kvm' }, 'remembered');
  t.equal(probes, 1);
  t.match(await prove('exits-at-once', { a: '2' }), {
    accelerator: 'tcg',
    reason: /^\/dev\/kvm is there, but a probe boot under it failed: QEMU exited with 1 .*could not open/s,
  });
  t.match(await prove('refuses', { a: '2' }), { accelerator: 'tcg' }, 'remembered, too');
  t.equal(probes, 2);
});

t.test('what says nothing about the accelerator is not remembered', async (t) => {
  const at = bench(t);
  const device = join(at.directory, 'kvm');
  writeFileSync(device, '');
  writeFileSync(join(at.directory, 'probe'), 'a file, where the folder for evidence should be');
  const request = {
    ...{ qemu: fakeQemu('refuses'), spec: at.spec, directory: join(at.directory, 'probe') },
    ...{ cacheRoot: at.directory, inputs: {}, kvmDevice: device },
  };
  await t.rejects(proveAccelerator(request), UnwritableFolderError);
  t.notOk(existsSync(join(at.directory, 'accelerators')));
  const answer = await rememberedAccelerator(at.directory, {});
  t.ok(
    answer === undefined || answer.accelerator === 'tcg',
    'where the host has no KVM that is known anyway',
  );
});
