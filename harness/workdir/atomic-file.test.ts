import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writeFileAtomic } from './atomic-file.ts';
import { NoSpaceError, UnwritableFolderError, writeError } from './folder-errors.ts';

t.test('a file is replaced whole, and nothing else is left', async (t) => {
  const folder = t.testdir({ 'results.json': 'old' });
  await writeFileAtomic(join(folder, 'results.json'), 'new');
  await writeFileAtomic(join(folder, 'bytes'), Uint8Array.of(1, 2));
  t.equal(readFileSync(join(folder, 'results.json'), 'utf8'), 'new');
  t.same(readFileSync(join(folder, 'bytes')), Buffer.of(1, 2));
  t.same(readdirSync(folder).sort(), ['bytes', 'results.json']);
});

t.test('concurrent writers leave one of the texts', async (t) => {
  const path = join(t.testdir({}), 'results.json');
  const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(50_000));
  await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
  t.ok(texts.includes(readFileSync(path, 'utf8')));
});

t.test('a rename that fails leaves the folder as it was', async (t) => {
  const folder = t.testdir({ target: { inside: '' } });
  await t.rejects(writeFileAtomic(join(folder, 'target'), 'new'));
  t.same(readdirSync(folder), ['target']);
});

t.test('a missing folder is an UnwritableFolderError', async (t) => {
  const folder = join(t.testdir({}), 'gone');
  await t.rejects(writeFileAtomic(join(folder, 'file'), ''), { name: 'UnwritableFolderError', folder });
});

t.test('errors of the file system become the expectation they break', async (t) => {
  const code = (code: string) => Object.assign(new Error(code), { code });
  t.match(writeError('/a/b', code('ENOSPC')), { name: 'NoSpaceError', folder: '/a' });
  t.ok(writeError('/a/b', code('EDQUOT')) instanceof NoSpaceError);
  t.ok(writeError('/a/b', code('EROFS')) instanceof UnwritableFolderError);
  t.equal(writeError('/a/b', code('EIO')).message, 'EIO');
  t.equal(writeError('/a/b', 'text').message, 'text');
});
