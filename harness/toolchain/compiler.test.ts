import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { compilerIdentity } from './compiler.ts';

const context = () => ({ cacheRoot: '/nonexistent', onProgress: () => undefined });

/** A PATH with only `programs`, and what processes are started with. */
async function onlyOnPath(t: Test, programs: Record<string, string>): Promise<string> {
  const folder = t.testdir();
  const tools = ['sh', 'setpriv', 'cat', 'env'];
  for (const tool of tools)
    await symlink(
      execFileSync('which', [tool], { encoding: 'utf8' }).trim().split('\n')[0] ?? '',
      join(folder, tool),
    );
  await mkdir(join(folder, 'log'));
  for (const [name, text] of Object.entries(programs))
    await writeFile(join(folder, name), text, { mode: 0o755 });
  const before = process.env['PATH'];
  process.env['PATH'] = folder;
  t.teardown(() => (process.env['PATH'] = before));
  return folder;
}

t.test('is asked once for a context, and holds version, target and linker', async (t) => {
  const gcc =
    '#!/bin/sh\necho "$*" >> "${0%/*}/log/gcc"\ncase $1 in --version) echo "gcc 1"; echo more;; *) echo machine;; esac\n';
  const folder = await onlyOnPath(t, { gcc, ld: '#!/bin/sh\necho ld 2\n' });
  const one = context();
  t.same(await compilerIdentity(one), { compiler: 'gcc 1', target: 'machine', linker: 'ld 2' });
  await compilerIdentity(one);
  const calls = (await readFile(join(folder, 'log', 'gcc'), 'utf8')).trim().split('\n');
  t.same(calls.sort(), ['--version', '-dumpmachine']);
});

t.test('a missing compiler is named with its package', async (t) => {
  await onlyOnPath(t, {});
  await t.rejects(compilerIdentity(context()), { name: 'CommandMissingError', message: /build-essential/ });
});
