/**
 * CLAIM: a Xen with one broken instruction or text fails, the failure names the checkpoint that saw it, and what is
 * needed to look further is kept.
 *
 * Each of these is a check that could not be trusted if it passed here: forgotten relocation is silent on the console.
 */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { InstanceResult } from '../harness/scenario/contract.ts';
import { BIN, resultOf, run, type RunEnd, start } from './command.ts';
import { patchedXen } from './testdata/patched-xen.ts';

const BIOS = 'xen-early-boot~bios~base-0x03e00000';
const EFI = 'xen-early-boot~efi~base-0x03e00000';

async function runPatched(
  t: Test,
  defect: string,
  instances: readonly string[],
): Promise<RunEnd & { readonly option: string }> {
  const files = await patchedXen(t.testdir({}), defect);
  const option = `${files.image},${files.symbols}`;
  // The folder of the patched files is the test's own; run() would empty it.
  return { ...(await run(t, [...instances, '--xen', option], { out: join(t.testdirName, 'run') })), option };
}

const failedCheckpoints = ({ checkpoints }: InstanceResult) =>
  checkpoints.filter(({ ok }) => !ok).map(({ name }) => name);

t.test('case (c): page tables that are not relocated', async (t) => {
  const { code, results, asserts, out, option } = await runPatched(t, 'page-tables-not-relocated', [
    BIOS,
    EFI,
  ]);
  t.equal(code, 1);
  t.ok(asserts.every(({ ok }) => !ok));
  for (const name of [BIOS, EFI]) {
    const result = resultOf(results, name);
    t.match(result.verdict, /^(fail|crash)$/);
    t.match(
      result.reason,
      /page tables relocated: \d+ entries are wrong: \w+\[\d+\] is 0x[0-9a-f]{16}, not 0x/,
    );
    t.equal(failedCheckpoints(result)[0], 'page tables relocated', 'what came before it is not blamed');
  }
  await t.test('evidence', async (t) => checkEvidence(t, resultOf(results, BIOS), out));
  await t.test('the command that repeats it', async (t) => checkRepeat(t, resultOf(results, BIOS), option));
});

t.test('a base that is computed wrong', async (t) => {
  const { code, results } = await runPatched(t, 'base-off', [BIOS]);
  t.equal(code, 1);
  const result = resultOf(results, BIOS);
  t.match(result.verdict, /^(fail|crash)$/);
  t.match(result.reason, /base computed: %esi \(load base − link base\) is 0x3a00000, not 0x3c00000/);
  t.equal(failedCheckpoints(result)[0], 'base computed');
});

t.test('case (a): a store that forgets the base, with not a word on the console', async (t) => {
  const bases = ['0x03e00000', '0x12400000'];
  const { code, results } = await runPatched(t, 'time-stamp-at-link-time', [
    ...bases.map((base) => `xen-early-boot~bios~base-${base}`),
    EFI,
    ...['--base', bases.join(',')],
  ]);
  t.equal(code, 1);
  for (const name of [...bases.map((base) => `xen-early-boot~bios~base-${base}`), EFI]) {
    const result = resultOf(results, name);
    t.equal(result.verdict, 'fail');
    t.strictSame(failedCheckpoints(result), ['layout at __start_xen'], `${name}: nothing else sees it`);
    // A byte of the stamp that is by chance what stood there is not seen.
    t.match(
      result.reason,
      /[1-4] bytes at 0x[0-9a-f]{8}, where an image at its link base has boot_tsc_stamp(\+0x[1-3])?: /,
    );
    t.match(
      result.reason,
      /; written by 0x[0-9a-f]{8} \(trampoline_setup\+0x[0-9a-f]+\): mov %eax,0x[0-9a-f]+$/,
    );
    t.match(result.evidence, { layout: /layout\.json$/ });
    t.ok(
      result.excerpt?.some((line) => / {2}Xen$/.test(line)),
      'the layout is drawn',
    );
  }
});

t.test('one page table entry that is not relocated', async (t) => {
  const { code, results } = await runPatched(t, 'page-table-entry-left-out', [BIOS]);
  t.equal(code, 1);
  t.match(resultOf(results, BIOS).reason, /page tables relocated: 1 entries are wrong: \w+\[0\] is 0x/);
});

t.test('a trampoline that is copied from the wrong place', async (t) => {
  const { code, results } = await runPatched(t, 'trampoline-source-off', [BIOS]);
  t.equal(code, 1);
  t.equal(failedCheckpoints(resultOf(results, BIOS))[0], 'trampoline copied');
  t.match(resultOf(results, BIOS).reason, /trampoline copied: at 0x[0-9a-f]{8} stands .* not the image's/);
});

t.test('an early error with another text', async (t) => {
  const name = 'xen-early-boot~bios~base-0x04101000';
  const { code, results } = await runPatched(t, 'early-error-altered', [name]);
  t.equal(code, 1);
  const result = resultOf(results, name);
  t.equal(result.verdict, 'fail');
  t.match(
    result.reason,
    /^early error: the console says \["ERR: Xen MUST be loaded at a 2Mb boundary!"\], not/,
  );
});

// A sabotaged GRUB takes minutes to build, so those are left to `npm run sabotage` itself; one here is kept ready anyway.
t.test('npm run sabotage: a few of its defects and a control', async (t) => {
  const names = [
    'efi-base-off',
    'last-table-left-out',
    'required-header-tag-unknown',
    'no-long-mode',
    'tag-21-absent',
  ];
  await using command = start(process.execPath, [
    ...['--import', 'tsx', 'scripts/sabotage.ts', '--json', '--clean', '3'],
    ...['--filter', `{${names.join(',')}}`],
  ]);
  const { code, stdout, stderr } = await command.ended;
  t.equal(code, 0, stderr);
  const { trials, clean, falseAlarms } = JSON.parse(stdout) as {
    trials: { defect: string; depth: string; fate: string; start?: string }[];
    clean: number;
    falseAlarms: unknown[];
  };
  t.strictSame(new Set(trials.map(({ defect }) => defect)), new Set(names));
  t.ok(trials.every(({ fate }) => fate === 'killed'));
  for (const { defect, depth, start } of trials)
    t.equal(start, depth === 'machine' ? 'cold' : 'fork', `${defect}, as a user would boot it`);
  t.strictSame([clean, falseAlarms], [3, []]);
});

async function checkEvidence(t: Test, result: InstanceResult, out: string): Promise<void> {
  const read = (kind: string) => readFile(join(out, result.evidence[kind] ?? `no ${kind}`));
  const text = async (kind: string) => (await read(kind)).toString();
  t.match(await text('serial'), /^loadbase: loaded$/m, 'cleaned serial log');
  t.ok((await read('rawSerial')).length > 0, 'raw serial log');
  t.match(await text('qmp'), /^< \{"QMP"/m, 'QMP log');
  t.match(await text('registers'), /^[ER]IP=[0-9a-f]+/m, 'registers');
  t.match(await text('code'), /^\d\d-bit code at .+:\n/, 'code');
  t.equal((await read('screen')).subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n', 'screen');
  await t.resolves(access(join(out, result.evidence['argv'] ?? '')), 'argv');
  t.ok(result.excerpt?.includes('loadbase: loaded'), 'the excerpt has the console');
  t.ok(
    (await text('code')).split('\n').every((line) => line === '' || result.excerpt?.includes(line)),
    'the excerpt has the code',
  );
}

async function checkRepeat(t: Test, { name, repeat }: InstanceResult, option: string): Promise<void> {
  t.match(repeat, `npx loadbase run '${name}' --xen `);
  t.match(repeat, option);
  // As a shell runs it; npx would find this very file through node_modules/.bin or the package's own bin.
  await using command = start('sh', [
    '-c',
    `${repeat.replace('npx loadbase', '"$0" "$1"')} --out "$2"`,
    process.execPath,
    BIN,
    join(t.testdirName, 'again'),
  ]);
  const { code, stdout } = await command.ended;
  t.equal(code, 1, 'it fails again');
  t.match(stdout, name);
}
