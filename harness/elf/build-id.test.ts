import { readFileSync } from 'node:fs';
import t from 'tap';
import { buildId } from './build-id.ts';
import { parseElf } from './elf-image.ts';
import { assemble, run } from './testdata/assemble.ts';

const SOURCE = '.globl _start\n_start: ret\n';

t.test('the id that readelf shows', async (t) => {
  for (const elfClass of [32, 64] as const) {
    const path = assemble(t.testdir({}), SOURCE, elfClass, ['--build-id=sha1', '-e', '_start']);
    const shown = /Build ID: ([0-9a-f]+)/.exec(run('readelf', ['-n', path]))?.[1];
    t.equal(buildId(parseElf(readFileSync(path))), shown);
    t.match(shown, /^[0-9a-f]{40}$/);
  }
});

t.test('files without one, and notes cut short', async (t) => {
  const without = assemble(t.testdir({}), SOURCE, 32, ['--build-id=none', '-e', '_start']);
  t.equal(buildId(parseElf(readFileSync(without))), undefined);
  const elf = parseElf(
    readFileSync(assemble(t.testdir({}), SOURCE, 32, ['--build-id=sha1', '-e', '_start'])),
  );
  const cut = elf.segments.map((segment) => ({ ...segment, filesz: Math.min(segment.filesz, 20) }));
  t.equal(buildId({ ...elf, segments: cut }), undefined);
});
