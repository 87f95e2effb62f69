import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { BuildProgress } from '../toolchain/toolchain-context.ts';
import { sortedNewestFirst } from './apt.ts';
import { resolveSource, resolveSourceIfCached } from './resolve-source.ts';

const spec = { kind: 'debian', package: 'hello' } as const;

/** A cache that holds a source package of one file, made by dpkg-source. */
async function cacheWithPackage(t: Test): Promise<string> {
  const root = t.testdir({
    make: { 'hello-1.0': { greeting: 'hello\n', debian: {} } },
    cache: { sources: { hello: {} } },
  });
  const tree = join(root, 'make', 'hello-1.0');
  const control =
    'Source: hello\nMaintainer: Nobody <nobody@example.invalid>\n\nPackage: hello\nArchitecture: all\nDescription: x\n';
  const changelog =
    'hello (1.0) unstable; urgency=low\n\n  * One.\n\n -- Nobody <nobody@example.invalid>  Thu, 01 Jan 1970 00:00:00 +0000\n';
  await mkdir(join(tree, 'debian', 'source'));
  await writeFile(join(tree, 'debian', 'source', 'format'), '3.0 (native)\n');
  await writeFile(join(tree, 'debian', 'control'), control);
  await writeFile(join(tree, 'debian', 'changelog'), changelog);
  execFileSync('dpkg-source', ['--build', tree], {
    cwd: join(root, 'cache', 'sources', 'hello'),
    stdio: 'pipe',
  });
  return join(root, 'cache');
}

function contextOf(cacheRoot: string): {
  cacheRoot: string;
  onProgress: (event: BuildProgress) => void;
  events: BuildProgress[];
} {
  const events: BuildProgress[] = [];
  return { cacheRoot, events, onProgress: (event) => events.push(event) };
}

/** Puts programs first on PATH that stand in for apt: `offline` ones fail as apt does without a network. */
async function fakeApt(t: Test, scripts: Record<string, string>): Promise<void> {
  // Not t.testdir(): a second call in one test would empty the first one's folder.
  const folder = join(t.testdirName, 'bin');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(scripts))
    await writeFile(join(folder, name), text, { mode: 0o755 });
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  t.teardown(() => (process.env['PATH'] = before));
}

const OFFLINE = {
  'apt-get': `#!/bin/sh
case "$*" in
  *indextargets*) echo "deb-src http://archive.invalid/ stable main" ;;
  *update*) echo "W: Failed to fetch http://archive.invalid/ Could not resolve" >&2 ;;
  *) exit 100 ;;
esac
`,
  'apt-cache': '#!/bin/sh\nexit 100\n',
};

t.test('a cached package is used without apt', async (t) => {
  const cacheRoot = await cacheWithPackage(t);
  const context = contextOf(cacheRoot);
  const source = await resolveSource(spec, context);
  t.equal(source.label, 'debian hello 1.0');
  t.equal((await resolveSourceIfCached(spec, context))?.digest, source.digest);
  const into = join(cacheRoot, 'into');
  await mkdir(into);
  await source.materialise(into);
  t.equal(await readFile(join(into, 'greeting'), 'utf8'), 'hello\n');
  t.same(context.events, []);
});

t.test('without network and cache the error says to connect once', async (t) => {
  t.testdir();
  await fakeApt(t, OFFLINE);
  const context = contextOf(join(t.testdirName, 'cache'));
  t.equal(await resolveSourceIfCached(spec, context), undefined);
  await t.rejects(resolveSource(spec, context), {
    name: 'SourceUnavailableError',
    message: /hello .*Connect to the network once/,
  });
  t.same(await readdir(join(context.cacheRoot, 'build')), [], 'no scratch is left');
});

t.test('a machine whose apt knows no archive is told what to do', async (t) => {
  t.testdir();
  await fakeApt(t, { 'apt-get': '#!/bin/sh\n' });
  await t.rejects(resolveSource(spec, contextOf(join(t.testdirName, 'cache'))), {
    message: /apt-get update/,
  });
});

t.test('a damaged download is fetched again; without network that is said', async (t) => {
  const cacheRoot = await cacheWithPackage(t);
  await fakeApt(t, OFFLINE);
  const context = contextOf(cacheRoot);
  const source = await resolveSource(spec, context);
  await truncate(join(cacheRoot, 'sources', 'hello', 'hello_1.0.tar.xz'), 20);
  const into = join(cacheRoot, 'into');
  await mkdir(into);
  await t.rejects(source.materialise(into), { name: 'SourceUnavailableError' });
  t.match(context.events[0], { state: 'notice', detail: /damaged.*fetching it again/ });
  t.equal(await resolveSourceIfCached(spec, context), undefined, 'the damaged copy is gone');
});

t.test('versions are tried newest first until one downloads and verifies', async (t) => {
  const made = await cacheWithPackage(t);
  const cacheRoot = join(t.testdirName, 'fresh');
  await fakeApt(t, {
    'apt-get': `#!/bin/sh
case "$*" in
  *indextargets*) echo "deb-src http://archive.invalid/ stable main" ;;
  *hello=1.0) cp ${made}/sources/hello/* . ;;
  *hello=2.0*) cp ${made}/sources/hello/* . ; echo damaged > hello_1.0.tar.xz ;;
  *hello=*) echo "E: Failed to fetch hello.dsc  404  Not Found" >&2; exit 100 ;;
esac
`,
    'apt-cache':
      '#!/bin/sh\nprintf "Package: hello\\nVersion: 1.0\\n\\nVersion: 1.10+b1\\n\\nVersion: 2.0\\n\\nVersion: 1.0\\n"\n',
  });
  const context = contextOf(cacheRoot);
  const source = await resolveSource(spec, context);
  t.equal(source.label, 'debian hello 1.0');
  const notices = context.events.filter(({ state }) => state === 'notice').map(({ detail }) => detail ?? '');
  t.match(notices, [/^version 2\.0 .*dpkg-source: error/, /^version 1\.10\+b1 .*404/]);
  t.ok(await resolveSourceIfCached(spec, context));
});

t.test("versions sort by Debian's order", async (t) => {
  t.same(await sortedNewestFirst(['1.9', '1:0.1', '1.10~rc1', '1.10']), ['1:0.1', '1.10', '1.10~rc1', '1.9']);
});
