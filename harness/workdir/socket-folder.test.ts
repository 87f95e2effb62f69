import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { SocketPathTooLongError, createSocketFolder, removeStaleFolders } from './socket-folder.ts';

t.test('the folder is private, takes a socket, and goes', async (t) => {
  const folder = await createSocketFolder();
  const release = () => folder[Symbol.asyncDispose]();
  t.equal(statSync(folder.path).mode & 0o777, 0o700);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(folder.socketPath('qmp'), resolve));
  await new Promise((resolve) => server.close(resolve));
  await release();
  t.notOk(existsSync(folder.path));
  await release();
});

t.test('a path the kernel would refuse is named', async (t) => {
  await using folder = await createSocketFolder();
  const longest = 'x'.repeat(107 - folder.path.length - 1);
  t.equal(folder.socketPath(longest).length, 107);
  t.throws(() => folder.socketPath(`${longest}x`), SocketPathTooLongError);
  t.throws(() => folder.socketPath('ä'.repeat(60)), SocketPathTooLongError, 'bytes, not characters');
});

t.test('the folder of a harness that was killed is removed by the next, a living one’s is not', async (t) => {
  const base = t.testdir({});
  await using living = await createSocketFolder(base);
  const script = join(import.meta.dirname, 'testdata', 'dies-with-socket-folder.ts');
  const left = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--import=tsx', script, base], (_error, stdout) => resolve(stdout));
  });
  t.ok(existsSync(left), 'left behind');
  await removeStaleFolders(base);
  await using another = await createSocketFolder(base);
  t.notOk(existsSync(left), 'removed');
  t.same(readdirSync(base).length, 2);
  t.ok(existsSync(living.path) && existsSync(another.path));
});

/** A folder that looks left behind by a harness like `owner`, were it not for what `differs`. */
function leftBehind(base: string, name: string, owner: object, differs: object = {}, mode = 0o700): string {
  const path = join(base, name);
  mkdirSync(path);
  writeFileSync(join(path, 'owner'), JSON.stringify({ ...owner, ...differs }));
  chmodSync(path, mode);
  return path;
}

t.test('only what is surely a dead harness’s is removed', async (t) => {
  const base = t.testdir({});
  await using mine = await createSocketFolder(base);
  const own = JSON.parse(readFileSync(join(mine.path, 'owner'), 'utf8')) as { readonly namespace: string };
  const owner = { pid: 2 ** 22 + 1, startTicks: '1', namespace: own.namespace };
  const dead = leftBehind(base, 'loadbase-dead', owner);
  const reused = leftBehind(base, 'loadbase-reused', owner, { pid: process.pid });
  const elsewhere = leftBehind(base, 'loadbase-elsewhere', owner, { namespace: 'pid:[1]' });
  const shared = leftBehind(base, 'loadbase-shared', owner, {}, 0o755);
  const stranger = leftBehind(base, 'another-tool', owner);
  const link = join(base, 'loadbase-link');
  symlinkSync(stranger, link);
  const ownerless = join(base, 'loadbase-ownerless');
  mkdirSync(ownerless, { mode: 0o700 });
  await removeStaleFolders(base);
  t.same([dead, reused].filter(existsSync), []);
  const kept = [elsewhere, shared, stranger, link, ownerless];
  t.same(kept.filter(existsSync), kept);
});

t.test('a base that is not there is an UnwritableFolderError', async (t) => {
  await t.rejects(createSocketFolder(join(t.testdir({}), 'gone')), { name: 'UnwritableFolderError' });
});
