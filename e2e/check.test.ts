/** CLAIM: `loadbase check` takes an image alone, and refuses what it cannot run with the reason, before anything is run. */
import { gzipSync } from 'node:zlib';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { BIN, loadbase, start, startLoadbase } from './command.ts';
import { builtXen } from './testdata/patched-xen.ts';

async function refused(t: Test, args: readonly string[], says: RegExp): Promise<void> {
  const { code, stdout, stderr } = await loadbase(['check', ...args]);
  t.equal(code, 2, stderr);
  t.match(stderr, says);
  t.notMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
  t.equal(stdout, '');
}

const CASES: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown specimen', ['--specimen', 'prob'], /the nearest to "prob" is probe/],
  ['an unknown entry', ['--entry', 'uefi'], /It is one of bios, efi/],
  ['a base that is no number', ['--base', 'low'], /"low" is no hexadecimal address/],
  ['a base above 4 GiB', ['--base', '0x140000000'], /0x140000000 is above 4 GiB/],
  ['a base below the window', ['--base', '0x100000'], /below the image's lowest address 0x00200000/],
  ['no threads', ['--jobs', '0'], /whole number of at least 1/],
  ['two images', ['--xen', 'x', '--specimen', 'probe'], /two images; give one of them/],
  ['no such file', ['--xen', './none'], /cannot read the image \.\/none: ENOENT/],
  ['a folder', ['--xen', '.'], /cannot read the image \.: EISDIR/],
  ['a base within a page', ['--base', '0x3e00800'], /no multiple of a page/],
  [
    'an image that nothing serves',
    ['--specimen', 'probe-no-boot-services', '--entry', 'efi'],
    /nothing can be tried: efi: .*64-bit EFI entry.*; take another --base or --entry/,
  ],
];
for (const [what, args, says] of CASES) t.test(what, async (t) => refused(t, args, says));

t.test('an image, and the same compressed', async (t) => {
  const { image, symbols } = await builtXen();
  const packed = join(t.testdir({}), 'xen.gz');
  await writeFile(packed, gzipSync(await readFile(image)));
  const [plain, gzip] = await Promise.all(
    [image, packed].map((file) =>
      loadbase(['check', '--xen', `${file},${symbols}`, '--base', '0x200000,0x3e00000', '--json']),
    ),
  );
  const results = (end = plain) => (JSON.parse(end?.stdout ?? '') as { results: unknown[] }).results;
  t.equal(results().length, 4);
  t.strictSame(results(gzip), results(plain));
});

t.test('interrupted', async (t) => {
  const { image, symbols } = await builtXen();
  await using command = startLoadbase([
    'check',
    '--xen',
    `${image},${symbols}`,
    '--base',
    'all',
    '--jobs',
    '1',
  ]);
  // It says nothing that could be waited for; on one thread its boots take from 1 s to 15 s after its start.
  setTimeout(() => command.kill('SIGINT'), 4000);
  t.match(await command.ended, { code: 130, stdout: '' });
});

t.test('our own kernels hold, each from nothing', async (t) => {
  for (const specimen of ['probe', 'probe-segments-high-vaddr', 'probe-fixed']) {
    const { code, stdout, stderr } = await loadbase(['check', '--specimen', specimen]);
    t.match({ code, stderr }, { code: 0, stderr: '' }, specimen);
    t.match(stdout, /✓ the base that it found, of its record, = 0x/);
  }
});

t.test('those that lie are told by their records, and one that never ends by its loop', async (t) => {
  const cases = [
    ['probe-silent', /its record is not to be believed \(absent\): nothing was said/],
    ['probe-wrong-checksum', /its record is not to be believed \(checksum\)/],
    ['probe-endless', /never ends: it loops over \d+ instructions, at tell_information(32|64)/],
  ] as const;
  for (const [specimen, says] of cases) {
    const end = await loadbase(['check', '--specimen', specimen, '--base', '0x3e00000']);
    t.match(end, { code: 1, stderr: '', stdout: says }, specimen);
  }
});

t.test('an entry that no capture serves is said not to be tried, and is no defect', async (t) => {
  const base = ['--specimen', 'probe-no-boot-services', '--base', '0x3e00000'];
  const { code, stdout } = await loadbase(['check', ...base]);
  t.equal(code, 0);
  t.match(stdout, /^efi {3}not tried at 0x03e00000: it keeps no boot services/m);
  const { stdout: json } = await loadbase(['check', ...base, '--json']);
  t.match(JSON.parse(json), { notTried: [{ entry: 'efi', bases: ['0x03e00000'], because: /captured/ }] });
});

t.test('a reader that leaves', async (t) => {
  const { image, symbols } = await builtXen();
  const words = ['check', '--xen', `${image},${symbols}`, '--base', '0x200000', '--json'];
  await using command = start('sh', ['-c', '"$0" "$@" | head -n 1', process.execPath, BIN, ...words]);
  t.match(await command.ended, { code: 0, stdout: '{\n', stderr: '' });
});
