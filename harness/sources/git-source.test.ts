import { execFileSync } from 'node:child_process';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { resolveGitSource } from './git-source.ts';

const context = { cacheRoot: '/nonexistent', onProgress: () => undefined };

function git(cwd: string, ...args: string[]): string {
  const identity = [
    '-c',
    'user.name=Nobody',
    '-c',
    'user.email=nobody@example.invalid',
    '-c',
    'commit.gpgsign=false',
  ];
  return execFileSync('git', ['-C', cwd, ...identity, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
}

/** A clone with two commits, a tag on the first, and a work tree and index that are dirty. */
async function dirtyClone(t: Test): Promise<{ root: string; clone: string }> {
  const root = t.testdir({ clone: { a: 'first\n', tool: '#!/bin/sh\n' }, into: {} });
  const clone = join(root, 'clone');
  git(clone, 'init', '-q', '-b', 'main');
  git(clone, 'add', '.');
  git(clone, 'update-index', '--chmod=+x', 'tool');
  git(clone, 'commit', '-qm', 'one');
  git(clone, 'tag', 'v1');
  await writeFile(join(clone, 'a'), 'second\n');
  git(clone, 'commit', '-qam', 'two');
  await writeFile(join(clone, 'a'), 'not committed\n');
  await writeFile(join(clone, 'untracked'), '');
  await writeFile(join(clone, 'staged'), '');
  git(clone, 'add', 'staged');
  return { root, clone };
}

async function stateOf(clone: string): Promise<unknown> {
  const index = await readFile(join(clone, '.git', 'index'));
  const { mtimeMs } = await stat(join(clone, '.git', 'index'));
  return {
    index: index.toString('hex'),
    mtimeMs,
    names: await readdir(clone),
    git: await readdir(join(clone, '.git')),
  };
}

t.test('a revision is taken; the clone, dirty as it is, is not touched', async (t) => {
  const { root, clone } = await dirtyClone(t);
  const before = await stateOf(clone);
  const source = await resolveGitSource(clone, 'v1', context);
  t.match(source.label, /^clone#v1 \([0-9a-f]{12}\)$/);
  await source.materialise(join(root, 'into'));
  t.same((await readdir(join(root, 'into'))).sort(), ['a', 'tool']);
  t.equal(await readFile(join(root, 'into', 'a'), 'utf8'), 'first\n');
  t.ok((await stat(join(root, 'into', 'tool'))).mode & 0o100);
  t.same(await stateOf(clone), before);
  t.equal(await readFile(join(clone, 'a'), 'utf8'), 'not committed\n');
});

t.test('the digest is that of the content', async (t) => {
  const { clone } = await dirtyClone(t);
  const first = await resolveGitSource(clone, 'v1', context);
  const second = await resolveGitSource(clone, 'main', context);
  t.not(first.digest, second.digest);
  t.equal((await resolveGitSource(clone, 'HEAD~1', context)).digest, first.digest);
  git(clone, 'commit', '-q', '--amend', '--only', '-m', 'two, said better');
  t.equal((await resolveGitSource(clone, 'main', context)).digest, second.digest);
});

t.test('an unknown revision and a folder that is no clone are named', async (t) => {
  const { clone } = await dirtyClone(t);
  await t.rejects(resolveGitSource(clone, 'nowhere', context), {
    name: 'SourceSpecError',
    message: /nowhere.*git says/,
  });
  await t.rejects(resolveGitSource('/', 'main', context), {
    name: 'SourceSpecError',
    message: /not a git repository/,
  });
});
