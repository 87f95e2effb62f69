import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { entrySizes, evict, touchEntry } from './eviction.ts';

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;

/** Entries by name, each with its size and how long ago it was used. */
function cache(
  t: Test,
  entries: Readonly<Record<string, readonly [sizeBytes: number, agoMs: number]>>,
): string {
  const root = t.testdir({ entries: {}, build: {} });
  for (const [name, [sizeBytes, agoMs]] of Object.entries(entries)) {
    const folder = join(root, 'entries', name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'ram'), Buffer.alloc(sizeBytes - 2));
    writeFileSync(join(folder, 'manifest.json'), '{}');
    const seconds = (NOW - agoMs) / 1000;
    utimesSync(join(folder, 'manifest.json'), seconds, seconds);
  }
  return root;
}

const request = (cacheRoot: string, boundBytes: number) => ({
  ...{ cacheRoot, boundBytes, prefix: 'frozen-', spareMs: HOUR, nowMs: NOW },
});
const left = (root: string) => readdirSync(join(root, 'entries')).sort();

t.test('what was not used for longest goes, until the others are within the bound', async (t) => {
  const root = cache(t, {
    'frozen-a': [100, 3 * HOUR],
    'frozen-b': [100, 5 * HOUR],
    'frozen-c': [100, 2 * HOUR],
    'frozen-d': [100, 4 * HOUR],
    'grub-e': [1000, 9 * HOUR],
  });
  t.same(await entrySizes(root, 'frozen-'), { count: 4, sizeBytes: 400 });
  t.strictSame(await evict(request(root, 400)), []);
  const gone = await evict(request(root, 250));
  t.strictSame(gone, [join(root, 'entries', 'frozen-b'), join(root, 'entries', 'frozen-d')]);
  t.strictSame(left(root), ['frozen-a', 'frozen-c', 'grub-e']);
});

t.test('what was used within the hour is spared, whatever the bound; a use counts', async (t) => {
  const root = cache(t, {
    'frozen-a': [100, HOUR - 1],
    'frozen-b': [100, 2 * HOUR],
    'frozen-c': [100, 3 * HOUR],
  });
  await touchEntry(join(root, 'entries', 'frozen-c'), NOW - 1000);
  await evict(request(root, 0));
  t.strictSame(left(root), ['frozen-a', 'frozen-c']);
  await t.resolves(touchEntry(join(root, 'entries', 'gone'), NOW));
});

t.test('what has lost its manifest is as old as its folder', async (t) => {
  const root = cache(t, { 'frozen-a': [100, 0] });
  const folder = join(root, 'entries', 'frozen-a');
  rmSync(join(folder, 'manifest.json'));
  utimesSync(folder, 1, 1);
  await evict(request(root, 0));
  t.strictSame(left(root), []);
});

t.test('what killed runs left goes as well', async (t) => {
  const root = cache(t, {});
  mkdirSync(join(root, 'entries', 'removed-1234', 'deep'), { recursive: true });
  for (const name of ['frozen-old', 'frozen-new', 'grub']) mkdirSync(join(root, 'build', name));
  utimesSync(join(root, 'build', 'frozen-old'), 1, 1);
  utimesSync(join(root, 'build', 'grub'), 1, 1);
  utimesSync(join(root, 'build', 'frozen-new'), NOW / 1000, NOW / 1000);
  await evict(request(root, 0));
  t.strictSame([left(root), readdirSync(join(root, 'build')).sort()], [[], ['frozen-new', 'grub']]);
});

t.test('a cache that is not there is no error', async (t) => {
  const root = join(t.testdir({}), 'none');
  t.strictSame(await evict(request(root, 0)), []);
  t.same(await entrySizes(root, 'frozen-'), { count: 0, sizeBytes: 0 });
  t.throws(() => statSync(root));
});
