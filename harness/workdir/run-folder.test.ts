import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { UnwritableFolderError } from './folder-errors.ts';
import { FolderNameError, createRunFolder, instanceFolder, makeFolder, runId } from './run-folder.ts';

t.test('run ids sort by start', async (t) => {
  const id = runId(new Date('2026-11-23T13:45:01.234Z'), Uint8Array.of(0x1a, 0x2b));
  t.equal(id, '20261123T134501Z-1a2b');
  t.ok(runId(new Date('2026-11-23T13:45:02Z')) > id);
  t.ok(runId(new Date('2027-01-01T00:00:00Z')) > id);
});

t.test('a run folder and its instances', async (t) => {
  const base = join(t.testdir({}), 'results', 'runs');
  const run = await createRunFolder(base);
  t.same(readdirSync(base), [run.id]);
  const instance = await instanceFolder(run.path, 'xen-early-boot~efi~base-0x03e00000');
  t.ok(statSync(instance).isDirectory());
  t.equal(
    await instanceFolder(run.path, 'xen-early-boot~efi~base-0x03e00000'),
    instance,
    'twice is no error',
  );
});

t.test('a name that would leave the run folder is refused', async (t) => {
  for (const name of ['..', '.', '', 'a/b', '../x', '.hidden', 'a\0b', 'a\nb', 'x'.repeat(256)])
    await t.rejects(instanceFolder(t.testdirName, name), FolderNameError, JSON.stringify(name));
});

t.test('a base that is no folder is an UnwritableFolderError', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  await t.rejects(createRunFolder(file), { name: 'UnwritableFolderError', folder: /file/ });
});

t.test('a folder below /proc, where nothing can be made, is refused and does not hang', async (t) => {
  await t.rejects(makeFolder('/proc/loadbase/x/y'), UnwritableFolderError);
});

t.test('a folder that is there already, and one made by two at once, are no errors', async (t) => {
  const path = join(t.testdir(), 'a', 'b', 'c');
  await Promise.all([makeFolder(path), makeFolder(path)]);
  t.equal(await makeFolder(path), path);
});
