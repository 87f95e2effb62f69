import t from 'tap';
import type { Checkpoint, Verdict } from '../scenario/contract.ts';
import type { ExpectedEnd } from './defect.ts';
import { judgeTrial } from './judge-trial.ts';

const expected: ExpectedEnd = { verdicts: ['fail', 'crash'], witness: 'entry', reason: /tag 21 is absent/ };
const said = (verdict: Verdict, reason: string, ...wrong: string[]) => ({
  verdict,
  reason,
  checkpoints: [
    { name: 'loader', ok: true, detail: '' },
    ...wrong.map((name): Checkpoint => ({ name, ok: false, detail: '' })),
  ],
});

t.test(
  'a defect is killed by the right witness with the right words, whichever of its ends it has',
  async (t) => {
    for (const verdict of ['fail', 'crash'] as const)
      t.strictSame(judgeTrial(expected, said(verdict, 'entry: tag 21 is absent', 'entry', '__start_xen')), {
        fate: 'killed',
        witness: 'entry',
        why: '',
      });
  },
);

t.test('anything else is not killed, and says why', async (t) => {
  const cases: readonly [ReturnType<typeof said>, string, RegExp][] = [
    [said('pass', 'booted'), 'survived', /it passed: booted/],
    [said('error', 'no QEMU'), 'broken', /error: no QEMU/],
    [said('skip', 'no firmware'), 'broken', /skip: no firmware/],
    [said('fail', 'tag 21 is absent', 'loader', 'entry'), 'misnamed', /loader complained first, not entry/],
    [said('fail', 'tag 21 is absent'), 'misnamed', /end complained first, not entry/],
    [said('fail', 'command line is absent', 'entry'), 'misnamed', /the reason does not match \/tag 21/],
  ];
  for (const [result, fate, why] of cases) t.match(judgeTrial(expected, result), { fate, why });
  const onlyCrash: ExpectedEnd = { verdicts: ['crash'], reason: /./ };
  t.match(judgeTrial(onlyCrash, said('fail', 'x')), {
    fate: 'misnamed',
    why: 'the verdict is fail, not crash: x',
  });
  t.match(
    judgeTrial(onlyCrash, said('crash', 'x')),
    { fate: 'killed', witness: 'end' },
    'the end alone tells',
  );
});

t.test('where a result names its death, that is compared, too', async (t) => {
  const tripled: ExpectedEnd = { verdicts: ['crash'], reason: /./, deaths: ['triple-fault'] };
  const died = (kind: string) => ({ ...said('crash', 'x'), death: { kind } });
  t.match(judgeTrial(tripled, died('triple-fault')), { fate: 'killed' });
  t.match(judgeTrial(tripled, died('guest-reset')), {
    fate: 'misnamed',
    why: 'it died of guest-reset, not of triple-fault: x',
  });
  t.match(judgeTrial(tripled, said('crash', 'x')), { fate: 'killed' }, 'a result that does not');
  t.match(judgeTrial(expected, { ...said('fail', 'tag 21 is absent', 'entry'), death: { kind: 'x' } }), {
    fate: 'killed',
  });
});
