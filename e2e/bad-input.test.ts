/** CLAIM: what cannot be run is refused at once, with exit code 2, one clear message, and nothing left behind. */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { projectRoot } from '../harness/workdir/project-root.ts';
import { loadbase } from './command.ts';
import { builtXen } from './testdata/patched-xen.ts';

const BOOT = 'xen-early-boot~bios~base-0x03e00000';

/** @param says what standard error must say: the cause, and what to give instead. */
async function refused(t: Test, args: readonly string[], says: RegExp): Promise<void> {
  const folder = t.testdirName;
  const out = join(folder, 'never');
  const { code, stdout, stderr } = await loadbase(['run', ...args, '--out', out]);
  t.equal(code, 2, `exit code; standard error: ${stderr}`);
  t.match(stderr, says);
  t.notMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
  t.notMatch(stdout, /machine|instances,/, 'no run was begun');
  t.notOk(existsSync(join(out, BOOT)), 'nothing was booted');
}

t.test('images', async (t) => {
  const { image } = await builtXen();
  const xen = await readFile(image);
  const folder = t.testdir({ text: 'this is a text file\n', empty: '' });
  await writeFile(join(folder, 'truncated'), xen.subarray(0, 4096));
  await writeFile(join(folder, 'truncated.gz'), Buffer.from('1f8b0800000000000003', 'hex'));
  const cases: readonly [string, RegExp][] = [
    ['text', /\/text: not an ELF image: it looks like text/],
    ['empty', /\/empty: not an ELF image: the file is empty/],
    ['truncated', /\/truncated: ELF segment 0 is cut short/],
    ['truncated.gz', /\/truncated\.gz: not a whole gzip file/],
    ['missing', /cannot read the image .*\/missing: ENOENT/],
  ];
  for (const [name, says] of cases)
    await t.test(name, async (t) => refused(t, [BOOT, '--xen', join(folder, name)], says));
  await t.test('symbols of another file', async (t) =>
    refused(t, [BOOT, '--xen', `${image},${image}`], /\/xen: the symbol file has no symbol _start/),
  );
});

const CASES: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'a misaligned base',
    [BOOT, '--base', '0x3e00100'],
    /0x03e00100 is no multiple of .* choose 0x03e00000 or 0x04000000/,
  ],
  [
    'a base below the window',
    ['--base', '0x100000'],
    /0x00100000 is below the image's lowest address 0x00200000/,
  ],
  ['a base above 4 GiB', ['--base', '0x140000000'], /0x140000000 is above 4 GiB/],
  [
    'a base beyond memory',
    ['--base', '0xf0000000'],
    /an image at 0xf0000000 ends at 0x[0-9a-f]+, past the machine.s memory below 4 GiB \(0xa0000000\)/,
  ],
  ['a base that is no number', ['--base', 'low'], /"low" is no hexadecimal address/],
  [
    'an unknown instance',
    ['xen-early-boot~bios~base-0x03e0000'],
    /no instance matches .*nearest is \S*~bios~base-0x03e00000/,
  ],
  ['an unknown scenario', ['--scenario', 'xen-early-bot'], /nearest to "xen-early-bot" is xen-early-boot/],
  ['an unknown reporter', ['--reporter', 'jnit'], /no reporter "jnit"; did you mean junit\?/],
  ['an unknown option', ['--bases', '0x3e00000'], /unknown option '--bases'[\s\S]*Did you mean --base\?/],
  [
    'two reporters on standard output',
    ['--reporter', 'tap,json'],
    /tap and json would both write to standard output/,
  ],
  ['no machines at once', ['--jobs', '0'], /whole number of at least 1/],
  ['an image and a source', ['--xen', 'x', '--xen-src', 'y'], /--xen is a ready image/],
];
for (const [what, args, says] of CASES) t.test(what, async (t) => refused(t, args, says));

t.test('an unknown command', async (t) => {
  const { code, stderr } = await loadbase(['rnu']);
  t.equal(code, 2);
  t.match(stderr, /unknown command 'rnu'[\s\S]*Did you mean run\?/);
});

t.test('a refused run leaves no folder of its own', async (t) => {
  const runs = join(projectRoot(), 'results', 'runs');
  const empty = () =>
    readdirSync(runs).filter(
      (name) => statSync(join(runs, name)).isDirectory() && readdirSync(join(runs, name)).length === 0,
    );
  mkdirSync(runs, { recursive: true });
  const before = empty();
  const { code } = await loadbase(['run', '--base', '0x100000']);
  t.equal(code, 2);
  t.same(empty(), before);
});
