import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { UnwritableFolderError } from '../workdir/folder-errors.ts';
import type { InstanceResult, Results } from './contract.ts';
import { unrunResult } from './instance-result.ts';
import { ResultsFile } from './results-file.ts';
import { HOST, instance } from './testdata/fake-run.ts';

const HEAD = { runId: 'r', startedAt: '2026-11-23T14:14:03Z', host: HOST, tools: {}, planned: 20 };
const result = (repeat: number): InstanceResult =>
  unrunResult({ kind: 'skip', instance: instance({ repeat }), reason: 'for once' }, 'npx loadbase run');

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Results;

t.test('results that end at the same moment are all kept, in order', async (t) => {
  const file = new ResultsFile(t.testdir(), HEAD);
  await file.start();
  t.match(read(file.path), { schema: 'loadbase.results/1', finished: false, instances: [], planned: 20 });
  await Promise.all(Array.from({ length: 20 }, (_, i) => file.add(result(i + 1))));
  const { instances, totals, finished } = read(file.path);
  t.strictSame(
    instances.map(({ name }) => Number(/repeat-(\d+)$/.exec(name)?.[1])),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  t.strictSame([totals.skip, finished], [20, false]);
  await file.finish();
  t.strictSame(read(file.path), file.results);
  t.ok(file.results.finished);
});

t.test('a write that fails is told, and does not stop the next one', async (t) => {
  const folder = t.testdir({ taken: 'a file' });
  const file = new ResultsFile(join(folder, 'taken'), HEAD);
  await t.rejects(file.start(), UnwritableFolderError);
  const [first, second] = [file.add(result(1)), file.add(result(2))];
  await t.rejects(first, UnwritableFolderError);
  await t.rejects(second, UnwritableFolderError);
  t.equal(file.results.instances.length, 2);
});
