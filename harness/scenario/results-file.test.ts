import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { resultsSchema } from '../report/results-schema.ts';
import { UnwritableFolderError } from '../workdir/folder-errors.ts';
import type { InstanceResult, Results, Verdict } from './contract.ts';
import { unrunResult } from './instance-result.ts';
import { ResultsFile } from './results-file.ts';
import { HOST, instance } from './testdata/fake-run.ts';

const HEAD = { runId: 'r', startedAt: '2026-11-23T14:14:03Z', host: HOST, tools: {}, planned: 20 };
const result = (repeat: number, reason = 'for once', verdict: Verdict = 'skip'): InstanceResult => ({
  ...unrunResult({ kind: 'skip', instance: instance({ repeat }), reason }, 'npx loadbase run'),
  verdict,
});

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Results;
const repeatsOf = ({ instances }: Results) =>
  instances.map(({ name }) => Number(/repeat-(\d+)$/.exec(name)?.[1]));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

t.test('results that end at the same moment are all kept, in order', async (t) => {
  const folder = t.testdir();
  const file = new ResultsFile(folder, HEAD);
  await file.start();
  t.match(read(file.path), { schema: 'loadbase.results/1', finished: false, instances: [], planned: 20 });
  await Promise.all(upTo(20).map((repeat) => file.add(result(repeat))));
  t.strictSame(repeatsOf(read(file.path)), upTo(20));
  t.match(read(file.path), { totals: { skip: 20 }, finished: false });
  await file.finish();
  t.strictSame(read(file.path), file.results);
  t.ok(file.results.finished);
  await file[Symbol.asyncDispose]();
  t.strictSame(readdirSync(folder), ['results.json'], 'nothing else is left');
});

t.test(
  'after each instance the file is whole, of the published shape, and laid out for a reader',
  async (t) => {
    await using file = new ResultsFile(t.testdir(), HEAD);
    await file.start();
    for (const [index, verdict] of (['pass', 'fail', 'skip', 'error', 'crash'] as const).entries()) {
      await file.add(result(index + 1, 'two\nlines, ✓', verdict));
      const text = readFileSync(file.path, 'utf8');
      t.strictSame(resultsSchema.parse(JSON.parse(text)), file.results);
      t.match(text, /\n {3}"reason": "two\\nlines, ✓",\n/);
    }
    t.strictSame(file.results.totals, { pass: 1, fail: 1, skip: 1, error: 1, crash: 1, flaky: 0 });
  },
);

t.test('an instance is written twice at most, however many there are', async (t) => {
  const folder = t.testdir();
  await using file = new ResultsFile(
    folder,
    HEAD,
    upTo(50).map((repeat) => result(repeat)),
  );
  await file.start();
  await file.add(result(51));
  const writtenBytes = () => Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  const cost = async (repeat: number) => {
    const before = writtenBytes();
    await file.add(result(repeat));
    return writtenBytes() - before;
  };
  const entryBytes = JSON.stringify(result(1), undefined, 3).length;
  for (const repeat of [52, 53, 54])
    t.ok((await cost(repeat)) < 4 * entryBytes, 'two instances and the tail');
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

t.test('what could not be written is there as soon as it can be', async (t) => {
  const folder = t.testdir();
  await using file = new ResultsFile(folder, HEAD);
  await file.start();
  await file.add(result(1));
  rmSync(file.path);
  await t.rejects(file.add(result(2)), UnwritableFolderError);
  writeFileSync(file.path, 'back again');
  await file.add(result(3));
  t.strictSame(repeatsOf(read(file.path)), [1, 2, 3]);
});

t.test('a run goes on from what is there; a second name that a killed run left is no harm', async (t) => {
  const folder = t.testdir({ 'results.json': 'of before' });
  linkSync(join(folder, 'results.json'), join(folder, '.results.json.a'));
  await using file = new ResultsFile(folder, HEAD, [result(1), result(2, 'broke', 'error')]);
  t.equal(readFileSync(file.path, 'utf8'), 'of before');
  await file.start();
  t.match(read(file.path), { totals: { skip: 1, error: 1 }, finished: false });
  await file.add(result(3));
  t.strictSame(repeatsOf(read(file.path)), [1, 2, 3]);
});

t.test('a file system without hard links', async (t) => {
  const folder = t.testdir();
  const refuses = async () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' }));
  const file = new ResultsFile(folder, HEAD, [], refuses);
  await file.start();
  for (const repeat of upTo(3)) {
    await file.add(result(repeat));
    t.strictSame(repeatsOf(read(file.path)), upTo(repeat));
  }
  await file[Symbol.asyncDispose]();
  t.strictSame(readdirSync(folder), ['results.json']);
});

/** The program that adds without end, as a process of its own. */
function adding(folder: string, through: readonly string[] = []) {
  const program = join(import.meta.dirname, 'testdata', 'adds-results.ts');
  const [file = '', ...args] = [...through, process.execPath, '--import=tsx', program, folder];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { added: 0, stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.added = Number(chunk.toString().trim().split('\n').at(-1));
  });
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  return { child, said, ended: once(child, 'close') };
}

t.test('kill -9 at any moment leaves a whole file that holds all that was told', async (t) => {
  for (let round = 0; round < 8; round++) {
    const folder = t.testdir();
    const { child, said, ended } = adding(folder);
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, round * 7));
    child.kill('SIGKILL');
    await ended;
    const results = resultsSchema.parse(read(join(folder, 'results.json')));
    t.ok(results.instances.length >= said.added, `${said.added} were told, ${results.instances.length} kept`);
    t.equal(results.totals.skip, results.instances.length);
    t.notOk(results.finished);
  }
});

t.test('a file that may not grow any more is whole, and holds all that was told', async (t) => {
  const folder = t.testdir();
  // setrlimit(2), RLIMIT_FSIZE: write(2) takes what fits, then fails; the middle of the fourth instance is what fits.
  const { said, ended } = adding(folder, ['prlimit', '--fsize=1000000']);
  t.strictSame(await ended, [1, null]);
  t.match(said, { added: 3, stderr: /EFBIG/ });
  t.strictSame(repeatsOf(read(join(folder, 'results.json'))), [1, 2, 3]);
  const torn = readdirSync(folder).find((name) => name.startsWith('.results.json'));
  t.ok(torn !== undefined && existsSync(join(folder, torn)));
  t.equal(statSync(join(folder, torn ?? '')).size, 1_000_000, 'it is the other file that was cut');
});
