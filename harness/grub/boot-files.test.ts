import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../process/run.ts';
import { builtGrub } from '../image/testdata/built-grub.ts';
import { bootFiles, grubConfigsDirectory, rescueScript } from './boot-files.ts';

t.test('every configuration passes grub-script-check', async (t) => {
  const { scriptCheck } = await builtGrub();
  const folder = grubConfigsDirectory();
  const configs = (await readdir(folder)).filter((name) => name.endsWith('.cfg'));
  t.ok(configs.includes('grub.cfg'));
  for (const name of configs) await t.resolves(run(scriptCheck, [join(folder, name)]), name);
  const broken = join(t.testdir({ 'broken.cfg': 'if true; then\n  echo\n' }), 'broken.cfg');
  await t.rejects(run(scriptCheck, [broken]), { name: 'CommandFailedError' }, 'the check can fail');
});

t.test('what is embedded has no comments: the rescue parser would run them', (t) => {
  t.equal(rescueScript("# GRUB's\n\n  # more\nset a=b#c\nsearch.file x y\n"), 'set a=b#c\nsearch.file x y\n');
  t.end();
});

t.test('the configurations are found above this file, or not at all', (t) => {
  t.match(grubConfigsDirectory(), /\/grub-configs$/);
  t.throws(() => grubConfigsDirectory('/'), { message: /no folder grub-configs/ });
  t.end();
});

t.test('boot files are what their firmware expects, and the same every time', async (t) => {
  const build = await builtGrub();
  const folder = t.testdir({});
  const first = await bootFiles(build, join(folder, 'first'));
  const second = await bootFiles(build, join(folder, 'second'));
  const digest = async (path: string) =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  for (const key of Object.keys(first) as (keyof typeof first)[])
    t.equal(await digest(second[key]), await digest(first[key]), key);
  t.equal((await readFile(first.bootSector)).length, 512);
  t.equal((await readFile(first.hybridBootSector)).length, 512);
  const application = await readFile(first.efiApplication);
  t.equal(application.toString('latin1', 0, 2), 'MZ');
  // PE: u32 at 0x3c leads to `PE\0\0`, then u16 machine; 0x8664 is x86-64 (Microsoft PE format, "Machine types").
  t.equal(application.readUInt16LE(application.readUInt32LE(0x3c) + 4), 0x8664);
});

t.test('a module that is not there is named', async (t) => {
  const build = await builtGrub();
  const folder = t.testdir({ empty: { 'moddep.lst': '', 'kernel.img': '' } });
  const platforms = { ...build.platforms, 'x86_64-efi': join(folder, 'empty') };
  await t.rejects(bootFiles({ ...build, platforms }, join(folder, 'out')), {
    name: 'CommandFailedError',
    message: /empty/,
  });
});
