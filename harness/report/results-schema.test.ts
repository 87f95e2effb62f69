import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import t from 'tap';
import type * as z from 'zod';
import type { Results } from '../scenario/contract.ts';
import { ResultsFormatError, parseResults, resultsJsonSchema, type resultsSchema } from './results-schema.ts';
import { planned, result, resultsOf } from './testdata/realistic-run.ts';

const SCHEMA_FILE = new URL('../../docs/results.schema.json', import.meta.url);

/** The compiler checks the other direction: a contract that grows past the schema does not compile here. */
const results: Results = resultsOf(planned.map(([of, changes]) => result(of, changes)));
const input: z.input<typeof resultsSchema> = results;

t.test('what is written is read back the same', (t) => {
  t.same(parseResults(JSON.parse(JSON.stringify(input))), results);
  const { flaky: _, ...earlier } = results.totals;
  t.same(parseResults({ ...results, totals: earlier }), results, 'totals of before there was flaky');
  t.same(parseResults({ ...results, later: 'a key of another version' }), results);
  t.end();
});

t.test('a fault is named with its place', (t) => {
  const refused = (change: (copy: Record<string, never>) => unknown, message: RegExp) => {
    const copy = JSON.parse(JSON.stringify(results)) as Record<string, never>;
    t.throws(() => parseResults(change(copy)), { name: ResultsFormatError.name, message });
  };
  const changed = (changes: object) => () => ({
    ...results,
    instances: [result(planned[0]![0]), { ...result(planned[1]![0]), ...changes }],
  });
  refused(() => 'text', /^this is no loadbase.results\/1 file: the whole: .*expected object/);
  refused(() => ({ ...results, schema: 'loadbase.results/2' }), /: schema: .*"loadbase.results\/1"/);
  refused(changed({ verdict: 'ok' }), /: instances\[1\]\.verdict: .*"pass"\|"fail"/);
  refused(changed({ base: 'high' }), /: instances\[1\]\.base: expected an address such as 0x03e00000/);
  refused(changed({ durationMs: -1 }), /: instances\[1\]\.durationMs: /);
  refused(changed({ checkpoints: [{ name: 'entry' }] }), /instances\[1\]\.checkpoints\[0\]\.ok: .*detail: /);
  refused(() => ({}), /; and \d+ more$/);
  t.end();
});

t.test('docs/results.schema.json is up to date (renew it with tap run --snapshot)', async (t) => {
  const schema = resultsJsonSchema();
  if (process.env.TAP_SNAPSHOT === '1')
    writeFileSync(SCHEMA_FILE, await format(JSON.stringify(schema), { parser: 'json', printWidth: 110 }));
  t.same(JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')), JSON.parse(JSON.stringify(schema)));
});
