import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  readFile,
  readlink,
  rename,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { digestOfFolder, resolveFolderSource } from './folder-source.ts';

const files = { a: 'one', sub: { b: 'two', '.gitignore': '*.o', 'x.o': 'object' }, '.git': { HEAD: 'ref' } };

t.test('lays out every file but those of .git, as it was', async (t) => {
  const root = t.testdir({ source: files, into: {} });
  const source = join(root, 'source');
  await chmod(join(source, 'a'), 0o755);
  await symlink('../a', join(source, 'sub', 'link'));
  await utimes(join(source, 'a'), 1000, 1000);
  const resolved = await resolveFolderSource(source);
  t.match(resolved.label, /^source \([0-9a-f]{12}\)$/);
  await resolved.materialise(join(root, 'into'));
  t.equal(await readFile(join(root, 'into/sub/x.o'), 'utf8'), 'object', 'ignored files are taken too');
  t.equal(await readlink(join(root, 'into/sub/link')), '../a');
  const copied = await lstat(join(root, 'into/a'));
  t.equal(copied.mode & 0o777, 0o755);
  t.equal(copied.mtimeMs, 1_000_000, 'make sees the same times');
  await t.rejects(lstat(join(root, 'into/.git')), { code: 'ENOENT' });
});

t.test('a folder reached through a link', async (t) => {
  const root = t.testdir({ source: files, into: {} });
  await symlink('source', join(root, 'link'));
  const resolved = await resolveFolderSource(join(root, 'link'));
  t.equal(resolved.digest, await digestOfFolder(join(root, 'source')));
  await resolved.materialise(join(root, 'into'));
  t.equal(await readFile(join(root, 'into/a'), 'utf8'), 'one');
});

const changes: Readonly<Record<string, (source: string) => Promise<unknown>>> = {
  content: (source) => writeFile(join(source, 'a'), 'ONE'),
  mode: (source) => chmod(join(source, 'a'), 0o700),
  name: (source) => rename(join(source, 'a'), join(source, 'c')),
  place: (source) => rename(join(source, 'a'), join(source, 'sub', 'a')),
  'a new file': (source) => writeFile(join(source, 'new'), ''),
  'a link': (source) => symlink('a', join(source, 'link')),
};
for (const [what, change] of Object.entries(changes))
  t.test(`the digest follows: ${what}`, async (t) => {
    const source = t.testdir(files);
    const before = await digestOfFolder(source);
    await change(source);
    t.not(await digestOfFolder(source), before);
  });

t.test('the digest does not follow .git, times, or a .git file of a work tree', async (t) => {
  const source = t.testdir(files);
  const before = await digestOfFolder(source);
  await appendFile(join(source, '.git', 'HEAD'), 's');
  await utimes(join(source, 'a'), 1, 1);
  t.equal(await digestOfFolder(source), before);
  const linked = t.testdir({ ...files, '.git': 'gitdir: elsewhere' });
  t.equal(await digestOfFolder(linked), before);
});

t.test('a folder that changes while it is read is refused', async (t) => {
  const root = t.testdir({ source: files, into: {} });
  const resolved = await resolveFolderSource(join(root, 'source'));
  await writeFile(join(root, 'source', 'a'), 'changed');
  await t.rejects(resolved.materialise(join(root, 'into')), { name: 'SourceChangedError' });
});

t.test('an empty folder can be taken', async (t) => {
  const root = t.testdir({ source: {}, into: {} });
  await mkdir(join(root, 'source', 'empty'));
  const resolved = await resolveFolderSource(join(root, 'source'));
  await resolved.materialise(join(root, 'into'));
  t.ok(resolved.digest);
});
