import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { bootFiles, grubConfigsDirectory } from '../grub/boot-files.ts';
import { packDisk } from './disk.ts';
import { packIso } from './iso.ts';
import { bootMedium } from './medium.ts';
import { mediumContent, mediumIdentity } from './medium-content.ts';
import { bareBoot } from './testdata/bare-machine.ts';
import { builtGrub } from './testdata/built-grub.ts';

const survey = { choice: { choice: 'a\\b=c#d "e" $f', mode: 'survey' } } as const;
const sha256 = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
const content = async (folder: string, configs = grubConfigsDirectory()) =>
  mediumContent(await bootFiles(await builtGrub(), join(folder, 'boot-files')), configs);

t.test('each medium boots each firmware to the end of a survey', async (t) => {
  const folder = t.testdir({ run: {} });
  const context = { cacheRoot: join(folder, 'cache'), onProgress: () => {} };
  const iso = await bootMedium('iso', await builtGrub(), context);
  const disk = await bootMedium('disk', await builtGrub(), context);
  const boots = [
    ['an ISO as a CD', { kind: 'iso', path: iso.path }],
    ['an ISO as a disk', { kind: 'disk', path: iso.path }],
    ['a disk image', { kind: 'disk', path: disk.path }],
  ] as const;
  for (const [what, medium] of boots)
    for (const firmware of ['bios', 'efi'] as const) {
      const end = await bareBoot({ firmware, medium, payload: survey, pvpanic: false }, join(folder, 'run'));
      const lines = end.console.match(/^loadbase: .*$/gm);
      t.strictSame(
        lines,
        [
          'loadbase: loader started',
          'loadbase: memory map',
          'loadbase: memory map end',
          'loadbase: ready',
          'loadbase: choice a\\b=c#d "e" $f',
          'loadbase: survey end',
        ],
        `${what}, ${firmware}`,
      );
      t.match(end.console, firmware === 'efi' ? /^conv-mem /m : /^base_addr = 0x0, .* available RAM$/m);
    }
  const pc = { firmware: 'bios', machine: 'pc', medium: iso, payload: survey, pvpanic: false } as const;
  t.match((await bareBoot(pc, join(folder, 'run'))).console, /^loadbase: survey end$/m, 'machine pc');
});

t.test('without a payload the loader says so and stops', async (t) => {
  const folder = t.testdir({ run: {} });
  const medium = await bootMedium('iso', await builtGrub(), {
    cacheRoot: join(folder, 'cache'),
    onProgress: () => {},
  });
  const noChoice = Buffer.alloc(1024 * 1024);
  const boot = { firmware: 'bios', medium, pvpanic: false } as const;
  t.match(
    (await bareBoot({ ...boot, payload: noChoice }, join(folder, 'run'))).console,
    /^loadbase: no payload$/m,
  );
});

t.test('packed again, elsewhere, later, in another time zone: the same bytes', async (t) => {
  const folder = t.testdir({ first: {}, second: { deeper: {} } });
  const configs = join(folder, 'configs');
  await mkdir(configs);
  const { TZ } = process.env;
  const cwd = process.cwd();
  const digests = async (out: string) => {
    for (const name of (await readdir(grubConfigsDirectory())).reverse())
      await copyFile(join(grubConfigsDirectory(), name), join(configs, name));
    const all = await content(out, configs);
    return [await sha256(await packIso(all, out)), await sha256(await packDisk(all, out))];
  };
  try {
    const first = await digests(join(folder, 'first'));
    // FAT counts time in steps of two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    process.env['TZ'] = 'Asia/Tokyo';
    process.chdir(join(folder, 'second'));
    t.strictSame(await digests(join(folder, 'second/deeper')), first);
    await writeFile(join(configs, 'load.cfg'), '# another\n');
    const other = await content(join(folder, 'first'), configs);
    t.not(await sha256(await packIso(other, join(folder, 'first'))), first[0], 'other content, other bytes');
  } finally {
    process.chdir(cwd);
    if (TZ === undefined) delete process.env['TZ'];
    else process.env['TZ'] = TZ;
  }
});

t.test('a medium is packed once and then taken from the cache', async (t) => {
  const steps: string[] = [];
  const context = {
    cacheRoot: t.testdir({}),
    onProgress: (event: { step: string; state: string }) => steps.push(`${event.state} ${event.step}`),
  };
  const build = await builtGrub();
  const first = await bootMedium('disk', build, context);
  t.equal(first.sha256, await sha256(first.path));
  const packed = steps.length;
  t.match(steps, ['started pack the boot medium (disk)', 'done pack the boot medium (disk)']);
  t.strictSame(await bootMedium('disk', build, context), first);
  t.equal(steps.length, packed, 'nothing was done');
  const other = await bootMedium('disk', { ...build, digest: 'another build' }, context);
  t.not(other.path, first.path);
});

t.test('identifiers follow from the content and differ by use', (t) => {
  const identity = mediumIdentity('a');
  t.match(identity.guid('disk'), /^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
  t.match(identity.volumeSerial, /^[0-9a-f]{8}$/);
  t.equal(identity.guid('disk'), mediumIdentity('a').guid('disk'));
  t.not(identity.guid('disk'), identity.guid('EFI system'));
  t.not(identity.guid('disk'), mediumIdentity('b').guid('disk'));
  t.end();
});

t.test('what does not fit is an error that says so', async (t) => {
  const folder = t.testdir({ out: {} });
  const all = await content(folder);
  const out = join(folder, 'out');
  const large = Buffer.alloc(2 * 1024 * 1024);
  (await readFile(all.bootFiles.diskCore)).copy(large);
  large.writeUInt16LE(large.length / 512 - 1, 508);
  await writeFile(join(folder, 'large-core'), large);
  const diskCore = join(folder, 'large-core');
  await t.rejects(packDisk({ ...all, bootFiles: { ...all.bootFiles, diskCore } }, out), {
    name: 'CoreImageSizeError',
  });
  await copyFile(all.bootFiles.efiApplication, join(folder, 'large-application'));
  await truncate(join(folder, 'large-application'), 9 * 1024 * 1024);
  const efiApplication = join(folder, 'large-application');
  await t.rejects(packDisk({ ...all, bootFiles: { ...all.bootFiles, efiApplication } }, out), {
    name: 'CommandFailedError',
    message: /mcopy.*Disk full/s,
  });
  const bootFilesGone = { ...all.bootFiles, hybridBootSector: join(folder, 'gone') };
  await t.rejects(packIso({ ...all, bootFiles: bootFilesGone }, out), {
    name: 'CommandFailedError',
    message: /xorriso/,
  });
  t.notOk((await readdir(out)).includes('staging'), 'nothing half made is left beside it');
});
