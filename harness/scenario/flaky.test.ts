import t from 'tap';
import type { InstanceResult, Verdict } from './contract.ts';
import { flakyResults } from './flaky.ts';

const NAME = 'xen-early-boot~efi~base-0x03e00000';

function repeat(number: number, verdict: Verdict, reason = `it did ${verdict}`): InstanceResult {
  const name = `${NAME}~repeat-${number}`;
  return {
    ...{ name, scenario: 'xen-early-boot', firmware: 'efi', base: '0x03e00000', verdict, reason },
    ...{ expected: 'boots at 0x03e00000', durationMs: 300, loadBaseAddress: '0x03e00000' },
    ...{ accelerator: 'tcg', checkpoints: [{ name: 'entry', ok: true, detail: '' }], notPossible: ['x'] },
    ...{
      evidence: { serial: `${name}/serial.log` },
      repeat: `npx loadbase run ${NAME}`,
      note: 'told of one',
    },
    ...{ excerpt: ['a line'], start: 'fork' },
  };
}

const many = (count: number, odd: Readonly<Record<number, [Verdict, string?]>> = {}) =>
  Array.from({ length: count }, (_, i) => repeat(i + 1, ...(odd[i + 1] ?? (['pass'] as const))));
/** All of them planned. */
const flaky = (results: readonly InstanceResult[]) => flakyResults(results, results);

t.test('verdicts that differ are one more result, which says how', async (t) => {
  t.strictSame(flaky(many(20, { 7: ['crash', 'triple fault'], 13: ['crash', 'triple fault'] })), [
    {
      ...{ name: NAME, scenario: 'xen-early-boot', firmware: 'efi', base: '0x03e00000', verdict: 'flaky' },
      reason: '18 of 20 pass, 2 crash (repeat-7, repeat-13); crash: “triple fault” in 2',
      ...{
        expected: 'boots at 0x03e00000',
        durationMs: 0,
        loadBaseAddress: '0x03e00000',
        accelerator: 'tcg',
      },
      ...{ checkpoints: [], notPossible: [], evidence: { serial: `${NAME}~repeat-7/serial.log` } },
      repeat: `npx loadbase run ${NAME} --repeat 20`,
    },
  ]);
});

t.test('repeats that agree are not flaky, though all of them fail, and each with other words', async (t) => {
  t.strictSame(flaky(many(20)), []);
  t.strictSame(flaky([1, 2, 3].map((n) => repeat(n, 'fail', `reason ${n}`))), []);
  t.strictSame(flaky(many(1, { 1: ['crash'] })), []);
});

t.test('an error is of the host: it makes nothing flaky, but is told', async (t) => {
  t.strictSame(flaky(many(4, { 2: ['error'] })), []);
  t.strictSame(flaky(many(3, { 1: ['skip'], 2: ['error'] })), []);
  const [found] = flaky(many(4, { 1: ['error', 'no room'], 3: ['fail', 'wrong base'] }));
  t.equal(
    found?.reason,
    '2 of 4 pass, 1 fail (repeat-3), 1 error (repeat-1); fail: “wrong base” in 1; error: “no room” in 1',
  );
  t.match(found?.evidence, { serial: /repeat-3/ }, 'the error is not the odd one');
});

t.test('what is usual decides which is the odd one', async (t) => {
  const [mostlyFail] = flaky(many(3, { 1: ['fail'], 3: ['fail'] }));
  t.match(mostlyFail, { reason: /^1 of 3 pass, 2 fail/, evidence: { serial: /repeat-2/ } });
  const [neverPass] = flaky([repeat(2, 'crash'), repeat(1, 'fail'), repeat(3, 'fail')]);
  t.match(neverPass, {
    reason:
      '2 of 3 fail (repeat-1, repeat-3), 1 crash (repeat-2); fail: “it did fail” in 2; crash: “it did crash” in 1',
    evidence: { serial: /repeat-2/ },
  });
  const [even] = flaky(many(2, { 1: ['fail'] }));
  t.match(even?.evidence, { serial: /repeat-1/ }, 'between equals the pass is usual');
});

t.test('many odd ones and many reasons stay one line', async (t) => {
  const results = Array.from({ length: 40 }, (_, i) =>
    repeat(i + 1, i % 2 ? 'crash' : 'pass', `reason ${i}`),
  );
  t.equal(
    flaky(results)[0]?.reason,
    '20 of 40 pass, 20 crash (repeat-2, repeat-4, repeat-6, repeat-8, repeat-10, repeat-12 and 14 more); ' +
      'crash: “reason 1” in 1, “reason 3” in 1, and 18 other reasons',
  );
});

t.test('told only once all repeats ended; each instance for itself', async (t) => {
  const results = many(3, { 1: ['fail'] });
  t.strictSame(flakyResults(results.slice(0, 2), results), []);
  const others = many(2).map((each) => ({ ...each, name: each.name.replace('efi', 'bios') }));
  t.equal(flaky([...others, ...results]).length, 1);
  const single = { ...repeat(1, 'fail'), name: NAME };
  t.strictSame(flaky([single, { ...single, name: `${NAME}~disk`, verdict: 'pass' }]), []);
});

t.test('a flaky result of before is neither counted nor doubled', async (t) => {
  const results = many(3, { 1: ['fail'] });
  const found = flaky(results);
  t.strictSame(flakyResults([...found, ...results], results), found);
});
