import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Workshop } from '../toolchain/workshop.ts';
import { applyPatchSeries, PatchSeriesError, readPatchSeries } from './patch-series.ts';

const source = Array.from({ length: 40 }, (_, index) => `line ${index + 1}\n`).join('');

/** A patch of one hunk that changes line `line` of `file`, whose context must be as in `source`. */
function hunk(line: number, to: string, from = `line ${line}`): string {
  return `@@ -${line - 1},3 +${line - 1},3 @@\n line ${line - 1}\n-${from}\n+${to}\n line ${line + 1}\n`;
}
function patchOf(file: string, ...hunks: string[]): string {
  return `From nobody\nSubject: a change\n\n--- a/${file}\n+++ b/${file}\n${hunks.join('')}`;
}

async function bench(
  t: Test,
  patches: Record<string, string>,
): Promise<{ root: string; apply: () => Promise<void> }> {
  const base = t.testdir({ tree: { sub: { 'a.c': source } }, patches, work: {} });
  const root = join(base, 'tree');
  const workshop = new Workshop({
    context: { cacheRoot: base, onProgress: () => undefined },
    task: 'sample',
    directory: join(base, 'work'),
    logDirectory: join(base, 'logs'),
    timings: {},
  });
  return {
    root,
    apply: async () => applyPatchSeries(root, await readPatchSeries(join(base, 'patches')), workshop),
  };
}

t.test('patches are applied by name where there is no series file', async (t) => {
  const { root, apply } = await bench(t, {
    '0002-b.patch': patchOf('sub/a.c', hunk(10, 'third', 'second')),
    '0001-a.patch': patchOf('sub/a.c', hunk(10, 'second')),
    'notes.txt': 'no patch',
  });
  await apply();
  t.match(await readFile(join(root, 'sub/a.c'), 'utf8'), /^line 9\nthird\nline 11$/m);
});

t.test('a series file gives the order, and -p', async (t) => {
  const { root, apply } = await bench(t, {
    series: '# ours\nz.patch  # first\n\na.diff -p0\n',
    'z.patch': patchOf('sub/a.c', hunk(10, 'second')),
    'a.diff': patchOf('sub/a.c', hunk(10, 'third', 'second')).replaceAll(/ [ab]\/sub/g, ' sub'),
    'not-named.patch': 'garbage',
  });
  await apply();
  t.match(await readFile(join(root, 'sub/a.c'), 'utf8'), /^third$/m);
});

const failing: Readonly<Record<string, { patch: string; expected: object }>> = {
  'a hunk that does not fit': {
    patch: patchOf('sub/a.c', hunk(5, 'five'), hunk(20, 'twenty', 'something else')),
    expected: {
      patch: '0001.patch',
      file: 'sub/a.c',
      hunk: 2,
      message: /0001\.patch does not apply to sub\/a\.c, hunk 2/,
    },
  },
  'context that is almost right': {
    patch: patchOf('sub/a.c', hunk(5, 'five').replace('line 4', 'line four')),
    expected: { file: 'sub/a.c', hunk: 1 },
  },
  'a file that is not there': {
    patch: patchOf('sub/gone.c', hunk(5, 'five')),
    expected: { file: 'b/sub/gone.c', hunk: undefined, message: /no such file/ },
  },
  'no patch at all': { patch: 'just words\n', expected: { file: undefined, message: /garbage/ } },
};
for (const [name, { patch, expected }] of Object.entries(failing))
  t.test(`names ${name}`, async (t) => {
    const { apply } = await bench(t, { '0001.patch': patch });
    await t.rejects(apply(), { name: 'PatchFailedError', ...expected });
  });

t.test('names a patch that is in the source already', async (t) => {
  const patch = patchOf('sub/a.c', hunk(10, 'second'));
  const { apply } = await bench(t, { '0001.patch': patch, '0002.patch': patch });
  await t.rejects(apply(), {
    name: 'PatchFailedError',
    patch: '0002.patch',
    file: 'sub/a.c',
    hunk: 1,
    message: /already/,
  });
});

t.test('the failing hunk is named among many that fit', async (t) => {
  const hunks = Array.from({ length: 12 }, (_, index) => hunk(3 * index + 2, 'x'));
  const first = patchOf('sub/a.c', hunk(38, 'no', 'not there'));
  const others = Array.from(
    { length: 30 },
    (_, index) => `--- /dev/null\n+++ b/new${index}\n@@ -0,0 +1 @@\n+x\n`,
  );
  const { apply } = await bench(t, {
    '0001.patch': first + others.join(''),
    '0000.patch': patchOf('sub/a.c', ...hunks),
  });
  await t.rejects(apply(), { name: 'PatchFailedError', patch: '0001.patch', file: 'sub/a.c', hunk: 1 });
});

t.test('the digest of a patch is that of its bytes', async (t) => {
  const root = t.testdir({ 'a.patch': 'one' });
  const [before] = await readPatchSeries(root);
  await writeFile(join(root, 'a.patch'), 'two');
  const [after] = await readPatchSeries(root);
  t.not(before?.digest, after?.digest);
});

t.test('a folder without patches, a missing folder and a missing patch are named', async (t) => {
  const root = t.testdir({ empty: {}, broken: { series: 'gone.patch\n' } });
  await mkdir(join(root, 'none'));
  await t.rejects(readPatchSeries(join(root, 'empty')), PatchSeriesError);
  await t.rejects(readPatchSeries(join(root, 'nowhere')), { message: /not a folder/ });
  await t.rejects(readPatchSeries(join(root, 'broken')), { message: /gone\.patch.*ENOENT/ });
});
