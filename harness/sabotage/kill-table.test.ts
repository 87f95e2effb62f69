import t from 'tap';
import { DEFECTS } from './catalogue.ts';
import type { Fate } from './judge-trial.ts';
import { cleanSummary, killRate, killSummary, killTable } from './kill-table.ts';
import type { Trial } from './trials.ts';

const [first] = DEFECTS;
if (!first) throw new Error('the catalogue is empty');
const trial = (name: string, fate: Fate, needs?: string): Trial => ({
  defect: { ...first, name, ...(needs === undefined ? {} : { needs }) },
  instance: 's~bios~base-any',
  fate,
  witness: fate === 'killed' ? 'entry' : 'none',
  why: fate === 'killed' ? '' : `${fate}, because`,
  verdict: 'fail',
  reason: '',
  durationMs: 1234,
});

t.test('what must be killed and was not is told apart from what cannot be yet', async (t) => {
  const trials = [
    trial('a', 'killed'),
    trial('b', 'survived'),
    trial('c', 'survived', 'layout'),
    trial('d', 'killed', 'layout'),
    trial('e', 'broken', 'layout'),
  ];
  const { killed, of, failed, waiting } = killRate(trials);
  t.strictSame([killed, of], [2, 4]);
  t.strictSame(
    failed.map(({ defect }) => defect.name),
    ['b', 'e'],
  );
  t.strictSame(
    waiting.map(({ defect }) => defect.name),
    ['c'],
  );
  t.equal(
    killSummary(trials),
    [
      '2 of 5 trials killed (40 %); of the 4 that can be killed yet: 50 %',
      'not killed:',
      '  b on s~bios~base-any: survived, because',
      '  e on s~bios~base-any: broken, because',
      'not killable yet:',
      '  c on s~bios~base-any: survived, because [needs layout]',
    ].join('\n'),
  );
});

t.test('the table has a line a trial', async (t) => {
  t.strictSame(killTable([trial('a', 'killed'), trial('long-name', 'survived')]).split('\n'), [
    'defect     depth  instance       fate      witness  time',
    'a          image  bios~base-any  killed    entry    1.2 s',
    'long-name  image  bios~base-any  survived  none     1.2 s',
  ]);
});

t.test('an ordinary instance that does not pass is a false alarm', async (t) => {
  const result = (name: string, verdict: string) => ({ name, verdict, reason: 'why' }) as never;
  t.equal(
    cleanSummary([result('a', 'pass'), result('b', 'fail')]),
    '1 of 2 ordinary instances passed; 1 false alarms\n  b: fail: why',
  );
});
