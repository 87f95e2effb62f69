import { existsSync, mkdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { StubCheckout } from './testdata/stub-checkout.ts';

const SETUP = ['sh', 'scripts/setup.sh'];
const BUILD = 'node bin/loadbase.js build --if-needed';
const fresh = (t: Test) => new StubCheckout(t.testdir({}));

async function ready(t: Test): Promise<StubCheckout> {
  const checkout = fresh(t);
  await checkout.run(SETUP);
  checkout.calls();
  return checkout;
}

t.test('the first time all is done, in order; the second time nothing', async (t) => {
  const checkout = fresh(t);
  const first = await checkout.run(SETUP);
  t.equal(first.code, 0, first.stderr);
  t.equal(first.stdout, '', 'standard output is left to the program');
  t.match(
    first.stderr,
    /npm packages \(npm ci\) \(usually 15 s\)\nset-up: {3}done in \d+ s\nset-up: compiling/,
  );
  t.match(checkout.calls(), [/^npm ci --include=dev /, 'npm run --silent compile', BUILD]);
  const second = await checkout.run(SETUP);
  t.strictSame([second.code, second.stderr], [0, 'set-up: all is there\n']);
  t.strictSame(checkout.calls(), [BUILD]);
});

t.test('missing packages are installed as root, and only those', async (t) => {
  const checkout = await ready(t);
  const state = join(checkout.root, 'state');
  checkout.stub('dpkg-query', `echo "|one installed||two $(cat "${state}" 2>/dev/null)|"`);
  checkout.stub(
    'apt-get',
    `note "$@"; case "$*" in *update*) exit 100 ;; *) echo installed >"${state}" ;; esac`,
  );
  const end = await checkout.run(SETUP);
  t.equal(end.code, 0, end.stderr);
  t.match(end.stderr, 'installing Debian packages: two (usually 1 min)');
  t.match(
    checkout.calls(),
    [/^apt-get .* update$/, /^apt-get -q -y .* install --no-install-recommends two$/, BUILD],
    'lists that cannot be refreshed do not end it',
  );
});

t.test('sudo is used where it asks for nothing', async (t) => {
  const checkout = await ready(t);
  checkout.stub('sudo', '[ "$1" = -n ] || exit 1; shift; note "$@"; exec "$@"');
  await checkout.run(SETUP, { STATE_OF_TWO: 'config-files', USER_ID: '1000' });
  t.match(checkout.calls(), [
    'sudo true',
    /^sudo apt-get .* update$/,
    /^apt-get/,
    /^sudo env DEBIAN_FRONTEND=/,
    /^apt-get/,
  ]);
});

t.test('each failure ends in 3 and a next step', async (t) => {
  const missing = { STATE_OF_TWO: 'not-installed' };
  const byHand = /next: sudo apt-get update && sudo apt-get install --no-install-recommends two\n$/;
  const failures: [string, Record<string, string>, (checkout: StubCheckout) => void, RegExp][] = [
    ['no root', { ...missing, USER_ID: '1000' }, () => {}, byHand],
    [
      'apt-get fails',
      missing,
      (c) => c.stub('apt-get', 'echo "E: no such package"; exit 100'),
      /E: no such package\n.*\n.*next: check the network/,
    ],
    ['apt-get lies', missing, () => {}, /apt-get installed no two\n/],
    ['old Node', { NODE_VERSION: 'v20.11.1' }, () => {}, /node is v20\.11\.1\n.*next: install Node 20\.12/],
    [
      'npm ci',
      {},
      (c) => (c.write('package-lock.json', '{ }'), c.stub('npm', 'echo npm said; exit 1')),
      /npm said\n.*npm ci failed.*\n.*next: check the network/,
    ],
    [
      'compiling',
      {},
      (c) => (rmSync(join(c.root, 'dist'), { recursive: true }), c.stub('npm', 'echo TS1; exit 2')),
      /TS1\n.*do not compile.*\n.*next: npm run check:types/,
    ],
    [
      'build',
      {},
      (c) => c.stub('node', 'case $1 in --version) echo v22.0.0 ;; *) exit 3 ;; esac'),
      /GRUB or Xen.*\n.*next: node bin\/loadbase\.js doctor/,
    ],
  ];
  for (const [what, env, spoil, message] of failures) {
    const checkout = new StubCheckout(t.testdir({ [what]: {} }) + `/${what}`);
    await checkout.run(SETUP);
    spoil(checkout);
    const end = await checkout.run(SETUP, env);
    t.equal(end.code, 3, what);
    t.match(end.stderr, message, what);
  }
});

t.test('a changed lock file means npm ci; a failed one is tried again', async (t) => {
  const checkout = await ready(t);
  checkout.write('package-lock.json', '{ "changed": true }');
  await checkout.run(SETUP);
  t.match(checkout.calls(), [/^npm ci/, 'npm run --silent compile', BUILD]);
  rmSync(join(checkout.root, 'node_modules'), { recursive: true });
  await checkout.run(SETUP);
  t.match(checkout.calls(), [/^npm ci/, /compile$/, BUILD]);
});

t.test('sources newer than dist are compiled, and what has no source any more is taken out', async (t) => {
  const checkout = await ready(t);
  const dist = join(checkout.root, 'dist/harness/bits');
  mkdirSync(dist, { recursive: true });
  checkout.write('harness/bits/kept.ts', '');
  for (const name of ['kept.js', 'gone.js', 'gone.js.map']) checkout.write(`dist/harness/bits/${name}`, '');
  const later = Date.now() / 1000 + 5;
  utimesSync(join(checkout.root, 'harness/bits/kept.ts'), later, later);
  await checkout.run(SETUP);
  t.match(checkout.calls(), ['npm run --silent compile', BUILD]);
  t.strictSame(
    ['kept.js', 'gone.js', 'gone.js.map'].map((name) => existsSync(join(dist, name))),
    [true, false, false],
  );
});

t.test('two at once do the work once', async (t) => {
  const checkout = fresh(t);
  checkout.stub('npm', 'note "$@"; sleep 0.5; mkdir -p node_modules');
  const ends = await Promise.all([checkout.run(SETUP), checkout.run(SETUP)]);
  t.strictSame(
    ends.map((end) => end.code),
    [0, 0],
  );
  t.equal(checkout.calls().filter((call) => call.startsWith('npm ci')).length, 1);
  t.match(ends.map((end) => end.stderr).join(''), 'another set-up is at work in this checkout');
});

t.test('npm start runs the matrix with what it was given, after the set-up', async (t) => {
  const checkout = await ready(t);
  const end = await checkout.run(['sh', 'scripts/start.sh', '--jobs', '2', 'a b']);
  t.equal(end.code, 0);
  t.strictSame(checkout.calls(), [BUILD, 'node bin/loadbase.js run --jobs 2 a b']);
  t.equal((await checkout.run(['sh', 'scripts/start.sh'], { NODE_VERSION: 'v18.0.0' })).code, 3);
  t.strictSame(checkout.calls(), [], 'nothing runs where the set-up failed');
});
