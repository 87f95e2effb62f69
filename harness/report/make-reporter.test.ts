import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ReporterFileError } from './file-target.ts';
import { makeReporter } from './make-reporter.ts';
import { REPORTER_NAMES } from './reporter-spec.ts';
import { realisticRun } from './testdata/realistic-run.ts';
import { Pipe, Screen } from './testdata/screen.ts';

for (const name of REPORTER_NAMES)
  t.test(`${name}: a file gets what a pipe would get, and the terminal nothing`, async (t) => {
    const file = join(t.testdir(), 'new', 'folder', 'report');
    const screen = new Screen(80, 24, true);
    const pipe = new Pipe();
    const reporters = [makeReporter({ name, file }, screen), makeReporter({ name }, pipe)];
    for (const { event } of realisticRun()) for (const reporter of reporters) reporter.onEvent(event);
    for (const reporter of reporters) await reporter.end();
    t.equal(readFileSync(file, 'utf8'), pipe.text);
    t.not(pipe.text, '');
    t.equal(screen.text, '');
  });

t.test('a file that cannot be opened is named before the run', async (t) => {
  const folder = t.testdir({ taken: 'a file, not a folder' });
  const file = join(folder, 'taken', 'junit.xml');
  t.throws(() => makeReporter({ name: 'junit', file }, new Pipe()), {
    name: ReporterFileError.name,
    message: new RegExp(`^the junit report cannot be written to ${file}: .*; give a path`),
  });
});

t.test(
  'a write that fails does not end the run, but the report',
  { skip: !existsSync('/dev/full') },
  async (t) => {
    const reporter = makeReporter({ name: 'tap', file: '/dev/full' }, new Pipe());
    for (const { event } of realisticRun()) reporter.onEvent(event);
    await t.rejects(reporter.end(), {
      name: ReporterFileError.name,
      message: /tap report .* \/dev\/full: ENOSPC/,
    });
  },
);

t.test('an older report is replaced', async (t) => {
  const file = join(t.testdir(), 'old.tap');
  writeFileSync(file, 'x'.repeat(100_000));
  await makeReporter({ name: 'tap', file }, new Pipe()).end();
  t.equal(readFileSync(file, 'utf8'), 'TAP version 14\nBail out! the run ended too early\n');
});
