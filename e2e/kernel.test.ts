/** CLAIM: any Multiboot2 kernel can be booted from the command line, and what it then does, or is not, is told. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { loadbase, resultOf, run, type RunEnd } from './command.ts';
import { smallKernel, type SmallKernel } from './testdata/small-kernels.ts';

const ANY = 'kernel~bios~base-any';
const folder = t.testdir({});

const boot = async (t: Test, kernel: SmallKernel, ...words: string[]): Promise<RunEnd> =>
  run(t, ['--kernel', smallKernel(folder, kernel), ...words]);

t.test('a relocatable kernel that says what is expected, at every class of base', async (t) => {
  const given = ['--arguments', 'root=/dev/none quiet'];
  const { code, results } = await boot(t, 'welcome', '--expect', '^Welcome', ...given, 'kernel~bios~*');
  t.equal(code, 0);
  t.match(results.totals, { pass: 6, fail: 0, crash: 0, error: 0, skip: 0 });
  const { instances } = results;
  t.match(instances[0]?.checkpoints.at(-1), {
    name: 'console',
    detail: 'it said “Welcome to the smallest kernel”',
  });
  t.match(
    instances[0]?.checkpoints.find(({ name }) => name === 'entry')?.detail,
    /command line “root=\/dev\/none quiet”/,
  );
  t.strictSame(resultOf(results, 'kernel~bios~base-firmware-owned').notPossible, []);
  const bases = instances.map(({ loadBaseAddress }) => loadBaseAddress);
  t.equal(new Set(bases).size, 6, `five places and a refusal: ${bases.join(' ')}`);
  t.match(resultOf(results, 'kernel~bios~base-0x80000000'), { loadBaseAddress: '0x80000000' });
  t.match(resultOf(results, 'kernel~bios~base-firmware-owned'), {
    loadBaseAddress: null,
    reason: /^refused as pred/,
  });
});

t.test('where nothing is expected', async (t) => {
  await t.test('a kernel that idles is alive', async (t) => {
    const { code, results } = await boot(t, 'welcome', ANY);
    t.equal(code, 0);
    t.match(resultOf(results, ANY), { verdict: 'pass', reason: /^booted at 0x/ });
    t.match(resultOf(results, ANY).checkpoints.at(-1), { detail: 'still running 3 s after its entry' });
  });
  await t.test('one that halts for good is not', async (t) => {
    const { code, results } = await boot(t, 'halts-for-good', ANY);
    t.equal(code, 1);
    const reason =
      /^hlt with interrupts off at 0x[0-9a-f]+ \(_start\+0x[0-9a-f]+\).* after checkpoint “entry”/;
    t.match(resultOf(results, ANY), { verdict: 'crash', reason, death: { kind: 'halted' } });
  });
});

t.test('a line that never comes is named', async (t) => {
  const { code, results } = await boot(t, 'welcome', '--expect', '^Farewell "all"$', '--timeout', '10', ANY);
  t.equal(code, 1);
  const result = resultOf(results, ANY);
  const awaited =
    /time was up while it waited for “a line like \^Farewell "all"\$”.*; last console line: Welcome to/;
  t.match(result, { verdict: 'crash', reason: awaited });
  t.match(result.repeat, /--kernel \S+ --expect '\^Farewell "all"\$'$/);
});

t.test('a flat kernel with an address tag', async (t) => {
  const { code, results } = await boot(t, 'flat', '--expect', '^Welcome');
  t.equal(code, 0);
  t.match(resultOf(results, ANY), { verdict: 'pass', loadBaseAddress: '0x00400000' });
  t.match(resultOf(results, 'kernel~efi~base-any'), { verdict: 'pass', loadBaseAddress: '0x00400000' });
  t.equal(results.instances.length, 2, 'it has one base');
});

t.test('a required header tag that nobody knows is refused, as it must be', async (t) => {
  const { code, results, stdout } = await boot(t, 'unknown-tag', ANY);
  t.equal(code, 0);
  const reason = /^refused as predicted: required-tags-known: type 19522/;
  t.match(resultOf(results, ANY), { verdict: 'pass', reason, loadBaseAddress: null });
  t.match(
    readFileSync(join(t.testdirName, 'run', ANY, 'serial.log'), 'utf8'),
    /error: unsupported tag: 0x4c42/,
  );
  t.match(stdout, /required-tags-known/);
});

t.test('a triple fault soon after the entry', async (t) => {
  const { code, results } = await boot(t, 'triple-fault', ANY);
  t.equal(code, 1);
  const result = resultOf(results, ANY);
  t.match(result, { verdict: 'crash', reason: /^triple fault at 0x[0-9a-f]+ \(_start\+0x/ });
  t.ok(
    result.checkpoints.every(({ ok }) => ok),
    'its entry was right',
  );
});

t.test('what is no kernel is refused at once, in one line', async (t) => {
  const kernel = readFileSync(smallKernel(folder, 'welcome'));
  const bad = join(folder, 'bad');
  mkdirSync(join(bad, 'directory'), { recursive: true });
  writeFileSync(join(bad, 'text'), 'this is text\n');
  writeFileSync(join(bad, 'truncated'), kernel.subarray(0, kernel.length / 8));
  writeFileSync(join(bad, 'bomb'), gzipSync(Buffer.alloc(257 * 1024 * 1024)));
  const cases: readonly (readonly [string, RegExp])[] = [
    ['text', /\/text: not an ELF image: it looks like text; give /],
    ['truncated', /\/truncated: ELF .* cut short: .*; copy or build it again/],
    ['bomb', /\/bomb: it unpacks to more than 256 MiB; give /],
    ['directory', /cannot read the image .*\/directory: EISDIR.*; give a file/],
    ['missing', /cannot read the image .*\/missing: ENOENT.*; give a file/],
  ];
  for (const [name, says] of cases) {
    const { code, stdout, stderr } = await loadbase(['run', '--kernel', join(bad, name), ANY]);
    t.match({ code, stdout }, { code: 2, stdout: '' }, name);
    t.match(stderr, says);
    t.match(stderr, /^loadbase: [^\n]*\n$/, 'one line');
  }
});
