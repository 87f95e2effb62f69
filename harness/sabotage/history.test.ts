/** Scenarios of the past against the sabotages that they name and the table in docs/history.md. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { SCENARIOS } from '../../scenarios/index.ts';
import { DEFECTS } from './catalogue.ts';

const HISTORY = SCENARIOS.flatMap((scenario) =>
  scenario.history === undefined ? [] : [{ ...scenario, history: scenario.history }],
);
const TABLE = readFileSync(new URL('../../docs/history.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'));

/** Upstream commits, as the tables shorten them. */
const commitsOf = (line: string) => line.split('|')[1]?.match(/[0-9a-f]{9,10}(?=`)/g) ?? [];

t.test('each sabotage is in the catalogue, and tried on an instance of its scenario', async (t) => {
  t.ok(HISTORY.length > 0);
  for (const { history, ...scenario } of HISTORY) {
    const { name } = scenario;
    const own = new Set(scenario.instances().map((instance) => instance.name));
    t.ok(history.sabotages.length > 0 && history.fixes.length > 0, name);
    for (const wanted of history.sabotages) {
      const defect = DEFECTS.find((candidate) => candidate.name === wanted);
      t.ok(
        defect?.instances.some((instance) => own.has(instance)),
        `${wanted} on ${name}`,
      );
    }
  }
});

t.test('one sabotage at least is noticed by the witness that the scenario names', async (t) => {
  for (const { name, history } of HISTORY) {
    const noticed = history.sabotages.map(
      (wanted) => DEFECTS.find((candidate) => candidate.name === wanted)?.expected.witness ?? 'end',
    );
    t.ok(noticed.includes(history.witness), `${name}: ${noticed.join(', ')}`);
  }
});

t.test('the table has every scenario with its commits, witness and sabotages, and no other', async (t) => {
  const named = new Set(HISTORY.flatMap(({ history }) => history.fixes));
  for (const commit of TABLE.flatMap(commitsOf)) t.ok(named.has(commit), commit);
  for (const { name, history } of HISTORY) {
    const row = TABLE.find((line) => line.includes(`\`${name}\``)) ?? '';
    for (const word of [...history.fixes, ...history.sabotages].map((each) => `\`${each}\``))
      t.ok(row.includes(word), `${name}: ${word}`);
    t.ok(row.includes(history.witness), `${name}: ${history.witness}`);
  }
  t.equal(TABLE.length, HISTORY.length);
});
