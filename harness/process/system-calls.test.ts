/** CLAIM: what the kernel says is what is told, and a call that failed is never taken for an empty answer. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dataExtents, makeFifo, SystemCallError } from './system-calls.ts';

const MIB = 1024 * 1024;

t.test('data of a sparse file, of one that is all hole, of an empty one', async (t) => {
  const path = join(t.testdir({}), 'a file, with a blank in its name');
  const file = openSync(path, 'w');
  t.strictSame(await dataExtents(path), []);
  ftruncateSync(file, 8 * MIB);
  t.strictSame(await dataExtents(path), []);
  writeSync(file, Buffer.alloc(4096, 1), 0, 4096, 0);
  writeSync(file, Buffer.alloc(4096, 1), 0, 4096, 4 * MIB);
  closeSync(file);
  const found = await dataExtents(path);
  t.equal(found.length, 2);
  t.match(found, [{ start: 0 }, { start: 4 * MIB }]);
});

t.test('what cannot be told is an error', async (t) => {
  const folder = t.testdir({ file: '' });
  await t.rejects(dataExtents(join(folder, 'none')), SystemCallError);
  await t.rejects(dataExtents('/proc/self/status'), SystemCallError, 'no SEEK_DATA there');
  await t.rejects(makeFifo(join(folder, 'file')), { message: /^mkfifo .*: File exists$/ });
  await t.rejects(makeFifo('a\nb'), SystemCallError);
});

t.test('a pipe of its owner alone; many questions at once get their own answers', async (t) => {
  const folder = t.testdir({});
  const paths = Array.from({ length: 20 }, (_, i) => join(folder, `pipe-${i}`));
  await Promise.all(paths.map((path) => makeFifo(path)));
  for (const path of paths) {
    t.ok(statSync(path).isFIFO());
    t.equal(statSync(path).mode & 0o777, 0o600);
  }
});

t.test('it is no reason to live on', async (t) => {
  const script = `const { dataExtents } = await import(${JSON.stringify(join(import.meta.dirname, 'system-calls.ts'))});
    console.log((await dataExtents(process.argv[0])).length > 0);`;
  const said = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  t.equal(said.trim(), 'true');
});
