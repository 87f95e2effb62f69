import t from 'tap';
import { DEFECTS } from '../../harness/sabotage/catalogue.ts';
import { readOptions } from './options.ts';

t.test('defaults: every defect, a hundred ordinary instances', async (t) => {
  t.match(readOptions([]), { defects: DEFECTS, clean: 100, cold: false, list: false, json: false });
  t.match(readOptions(['--cold']), { cold: true });
});

t.test('a filter is a glob on names, or a depth', async (t) => {
  const names = (filter: string) => readOptions(['--filter', filter]).defects.map(({ name }) => name);
  t.strictSame(names('tag-21-*'), ['tag-21-lies', 'tag-21-absent']);
  t.ok(names('machine').includes('no-long-mode'));
  t.notOk(names('machine').includes('tag-21-lies'));
});

t.test('wrong options are named', async (t) => {
  for (const [argv, message] of [
    [['--filter', 'nothing-*'], /no defect matches nothing-\*; there are /],
    [['--clean', '-1'], /--clean/],
    [['--jobs', '0'], /--jobs 0: a whole number of at least 1/],
    [['--wrong'], /--wrong/],
  ] as const)
    t.throws(() => readOptions([...argv]), { name: 'UsageError', message });
});
