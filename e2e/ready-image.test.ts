/** CLAIM: an image alone, gzip or not, is booted and judged by what can be seen without symbols, and the rest is named. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { resultOf, run } from './command.ts';
import { builtXen } from './testdata/patched-xen.ts';

const NAME = 'xen-early-boot~bios~base-0x03e00000';

t.test('an image without symbols passes with fewer witnesses, and says which are missing', async (t) => {
  const { image } = await builtXen();
  const { code, results } = await run(t, [NAME, '--xen', image]);
  t.equal(code, 0);
  const result = resultOf(results, NAME);
  t.match(result, { verdict: 'pass', loadBaseAddress: '0x03e00000' });
  t.strictSame(
    result.checkpoints.map(({ name }) => name),
    ['loader', 'entry', 'rules at entry', 'layout at entry', 'console'],
  );
  t.strictSame(result.notPossible, ['all after the entry: the image came without symbols']);
  t.equal(result.repeat, `npx loadbase run '${NAME}' --xen ${image}`);
  t.equal(results.tools['xen']?.path, image);
});

t.test('a gzip image, with its symbols', async (t) => {
  const built = await builtXen();
  const folder = t.testdir({});
  const image = join(folder, 'xen.gz');
  await writeFile(image, gzipSync(await readFile(built.image), { level: 1 }));
  const { code, results } = await run(t, [NAME, '--xen', `${image},${built.symbols}`], {
    out: join(folder, 'run'),
  });
  t.equal(code, 0);
  t.match(resultOf(results, NAME), { verdict: 'pass', notPossible: [] });
  t.ok(resultOf(results, NAME).checkpoints.length >= 9);
});
