import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ResultsFile } from '../scenario/results-file.ts';
import { ResumeError } from '../scenario/resumption.ts';
import { HOST } from '../scenario/testdata/fake-run.ts';
import { holdRunFolder, RunGoingOnError } from './run-folder-lock.ts';
import { REQUEST_FILE, runRequestRecord } from './run-request.ts';
import { withStoppedRun } from './stopped-run.ts';

const OPTIONS = { grubSrc: 'debian', xenSrc: 'debian', accel: 'auto', jobs: 2, timeout: 60 } as const;

/** A folder as a run leaves it that was stopped before its first instance ended. */
async function stoppedFolder(t: Test): Promise<string> {
  const folder = t.testdir();
  const head = { runId: 'r1', startedAt: '2026-11-23T14:14:03Z', host: HOST, tools: {}, planned: 1 };
  await using file = new ResultsFile(folder, head);
  await file.start();
  const record = runRequestRecord('r1', [], OPTIONS, [{ name: 'a' }], '/');
  writeFileSync(join(folder, REQUEST_FILE), JSON.stringify(record));
  return folder;
}

const never = () => Promise.reject(new Error('it was gone on with'));

t.test('a stopped run is read, and held as long as it goes on', async (t) => {
  const folder = await stoppedFolder(t);
  const seen = await withStoppedRun(folder, async (stopped) => {
    await t.rejects(withStoppedRun(folder, never), RunGoingOnError);
    await t.rejects(holdRunFolder(folder), /a run is going on in .*; wait for its end, or choose another/);
    return stopped;
  });
  t.match(seen, { folder, results: { runId: 'r1' }, request: { runId: 'r1', options: OPTIONS } });
  await using again = await holdRunFolder(folder);
  t.ok(again, 'free again');
});

const edited = (folder: string, name: string, change: (text: string) => string) => {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
};

const CASES: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
  [
    'no results',
    (at) => rmSync(join(at, 'results.json')),
    /there is no \S+\/results\.json: no run got as far/,
  ],
  [
    'results cut short',
    (at) => edited(at, 'results.json', (text) => text.slice(0, 99)),
    /no whole JSON: it is cut/,
  ],
  ['foreign results', (at) => edited(at, 'results.json', () => '{"a":1}'), /no loadbase\.results\/1 file: /],
  ['no object', (at) => edited(at, 'results.json', () => 'null'), /no loadbase\.results\/1 file: the whole/],
  [
    'newer results',
    (at) => edited(at, 'results.json', (text) => text.replace('results/1', 'results/2')),
    /is loadbase\.results\/2, of a newer loadbase than this one, .*; resume it with that one/,
  ],
  [
    'no request',
    (at) => rmSync(join(at, REQUEST_FILE)),
    /no \S+\/request\.json: the run was begun by a loadbase/,
  ],
  [
    'a request cut short',
    (at) => edited(at, REQUEST_FILE, (text) => text.slice(0, 9)),
    /request\.json is no whole/,
  ],
  [
    'a newer request',
    (at) => edited(at, REQUEST_FILE, (text) => text.replace('request/1', 'request/12')),
    /is loadbase\.request\/12, of a newer loadbase/,
  ],
  [
    'the request of another run',
    (at) => edited(at, REQUEST_FILE, (text) => text.replace('"r1"', '"r2"')),
    /is of the run r2, but the results beside it are of r1/,
  ],
];
for (const [what, spoil, says] of CASES)
  t.test(what, async (t) => {
    const folder = await stoppedFolder(t);
    spoil(folder);
    await t.rejects(withStoppedRun(folder, never), ResumeError);
    await t.rejects(withStoppedRun(folder, never), says);
    await t.rejects(
      withStoppedRun(folder, never),
      /start a new run, without --resume|resume it with that one/,
    );
  });

t.test('a folder that is not there is not made', async (t) => {
  const folder = join(t.testdir(), 'missing');
  await t.rejects(withStoppedRun(folder, never), ResumeError);
  t.notOk(existsSync(folder));
});
