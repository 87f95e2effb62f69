import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { StubCheckout } from './testdata/stub-checkout.ts';

const TEST = ['sh', 'scripts/test.sh'];
/** npm as .ci/run and test.sh see it: each script prints what the file of its name holds, and ends as it says. */
const NPM = `
case $1 in
  ci) rm -rf node_modules; mkdir node_modules; exit ;;
  run) shift; [ "$1" = --silent ] && shift; name=$1 ;;
  test) exec sh scripts/test.sh ;;
  start) name=start ;;
esac
note "$name"
if [ -f "outcomes/$name" ]; then . "./outcomes/$name"; fi`;

function checkoutWith(folder: string, outcomes: Readonly<Record<string, string>>): StubCheckout {
  const checkout = new StubCheckout(folder);
  checkout.stub('npm', NPM);
  mkdirSync(join(checkout.root, 'outcomes'));
  for (const [name, body] of Object.entries(outcomes)) checkout.write(`outcomes/${name}`, body);
  return checkout;
}

/** Ends with 1 where the test of forks would not be told of the run that was made. */
const wantsRun = '[ -f "$LOADBASE_DEFAULT_RUN/results.json" ] || exit 1';
const wantsNoRun = '[ -z "$LOADBASE_DEFAULT_RUN" ] || exit 1';
const closing = (pass: number, more = '') => `echo '# { total: ${pass}, pass: ${pass}${more} }'`;
const matrix = (totals: object) =>
  `mkdir -p results/runs/1; echo '${JSON.stringify({ totals })}' >results/runs/1/results.json`;
const CHECKS = ['check:format', 'check:lint', 'check:types', 'check:imports', 'test:unit', 'test:e2e'];

t.test('every check runs, also after one failed', async (t) => {
  const checkout = checkoutWith(t.testdir({}), {
    'check:lint': 'echo lint said; exit 1',
    'test:unit': 'exit 7',
  });
  const end = await checkout.run(TEST);
  t.equal(end.code, 1);
  t.strictSame(
    checkout.calls().filter((call) => call.startsWith('npm check') || call.startsWith('npm test')),
    CHECKS.map((c) => `npm ${c}`),
  );
  t.match(end.stdout, /== lint ==\nlint said\ncheck lint: FAILED \(exit code 1\) after \d+ s\n/);
  t.match(end.stdout, /check unit: FAILED \(exit code 7\)/);
  t.match(end.stdout, /check e2e: passed in \d+ s\n/);
  t.match(end.stdout, 'failed: lint unit; again alone: npm test -- lint unit\n');
});

t.test('named checks run alone; a name that is none is a usage error', async (t) => {
  const checkout = checkoutWith(t.testdir({}), {});
  t.equal((await checkout.run(TEST)).code, 0);
  checkout.calls();
  t.equal((await checkout.run([...TEST, 'types', 'lint'])).code, 0);
  t.match(checkout.calls(), [/build/, 'npm check:types', 'npm check:lint']);
  const end = await checkout.run([...TEST, 'spelling']);
  t.equal(end.code, 2);
  t.match(end.stderr, 'no check is called spelling; there are: format lint types imports unit e2e');
  t.strictSame(checkout.calls(), []);
});

t.test('a failed set-up is exit code 3 and no check', async (t) => {
  const checkout = checkoutWith(t.testdir({}), {});
  t.equal((await checkout.run(TEST, { NODE_VERSION: 'v18.0.0' })).code, 3);
  t.strictSame(checkout.calls(), []);
});

t.test('.ci/run sums what passed and what failed into its last line', async (t) => {
  const good = {
    'test:unit': closing(10, ', skip: 2'),
    'test:e2e': `${closing(5)}; ${wantsRun}`,
    start: matrix({ pass: 3, fail: 0, skip: 1, error: 0, crash: 0 }),
  };
  const runs: [string, Record<string, string>, string, number][] = [
    ['all good', good, '22 passed, 0 failed', 0],
    ['assertions', { ...good, 'test:unit': `${closing(10, ', fail: 2')}; exit 1` }, '22 passed, 2 failed', 1],
    ['a check', { ...good, 'check:types': 'exit 1' }, '21 passed, 1 failed', 1],
    ['tap without a count', { ...good, 'test:e2e': 'exit 1' }, '17 passed, 1 failed', 1],
    [
      'the matrix',
      { ...good, start: `${matrix({ pass: 1, fail: 1, error: 1, crash: 1 })}; exit 1` },
      '20 passed, 3 failed',
      1,
    ],
    ['start alone', { ...good, start: `${matrix({ pass: 3 })}; exit 3` }, '22 passed, 1 failed', 1],
    [
      'no results',
      { ...good, 'test:e2e': `${closing(5)}; ${wantsNoRun}`, start: 'exit 0' },
      '19 passed, 1 failed',
      1,
    ],
  ];
  const folder = t.testdir(Object.fromEntries(runs.map(([what]) => [what, {}])));
  for (const [what, outcomes, last, code] of runs) {
    const checkout = checkoutWith(join(folder, what), outcomes);
    // An earlier run's results are not this one's.
    mkdirSync(join(checkout.root, 'results/runs/0'), { recursive: true });
    checkout.write('results/runs/0/results.json', JSON.stringify({ totals: { pass: 100, fail: 100 } }));
    const end = await checkout.run(['.ci/run']);
    t.equal(end.stdout.trimEnd().split('\n').at(-1), last, what);
    t.equal(end.code, code, what);
  }
});
