import t from 'tap';
import { JsonReporter } from './json-reporter.ts';
import { parseResults } from './results-schema.ts';
import { flakyRun } from './testdata/made-runs.ts';
import { realisticRun } from './testdata/realistic-run.ts';
import { Pipe } from './testdata/screen.ts';

t.test('the results as JSON, unchanged, and safe to look at', async (t) => {
  for (const run of [realisticRun(), flakyRun()]) {
    const pipe = new Pipe();
    const reporter = new JsonReporter(pipe);
    const events = run.map(({ event }) => event);
    for (const event of events) reporter.onEvent(event);
    await reporter.end();
    const last = events.at(-1);
    t.same(parseResults(JSON.parse(pipe.text)), last?.kind === 'run-ended' ? last.results : undefined);
    t.match(pipe.text, /^\{\n {2}"schema": "loadbase.results\/1",\n/);
    t.notMatch(pipe.text, /(?!\n)\p{C}/u);
  }
});

t.test('nothing where the run never ended', async (t) => {
  const pipe = new Pipe();
  await new JsonReporter(pipe).end();
  t.equal(pipe.text, '');
});
