/**
 * CLAIM: a real boot that forgets its base is found out from its trace, by instruction, symbol and source line, even where it
 * boots on as if nothing were wrong; a real boot at its link base is not.
 */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadbase } from './command.ts';
import { patchedXen } from './testdata/patched-xen.ts';

/** Of a real boot. @param xen what `--xen` takes */
async function captured(t: Test, folder: string, instance: string, xen?: string): Promise<string> {
  const file = join(folder, 'real.lbtrace');
  const options = xen === undefined ? [] : ['--xen', xen];
  const { code, stderr } = await loadbase(['capture', instance, '-o', file, ...options]);
  t.match({ code, stderr }, { code: 0, stderr: '' });
  return file;
}

for (const [instance, expected] of [
  ['xen-early-boot~bios~base-0x03e00000', '0x0[0-9a-f]{7}'],
  ['xen-early-boot~efi~base-0x80000000', '0x80[0-9a-f]{6}'],
] as const)
  t.test(`a defect that boots on as if nothing were wrong: ${instance}`, async (t) => {
    const folder = t.testdir({});
    const { image, symbols } = await patchedXen(folder, 'time-stamp-at-link-time');
    const given = `${image},${symbols}`;
    const file = await captured(t, folder, instance, given);
    const plain = await loadbase(['replay', file, '--image', given]);
    t.match(plain, { code: 0, stdout: /no divergence/ }, 'without the rules nothing is wrong');
    const { code, stdout, stderr } = await loadbase(['replay', '--sanitize', file, '--image', given]);
    t.match({ code, stderr }, { code: 1, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    t.match(lines[0], /^✓ .* no divergence/);
    t.match(lines.slice(1, 3).join(' '), /✗ trampoline_setup\+0x[0-9a-f]+, \S*head\.S:\d+ \(linked at/);
    t.equal(lines.filter((line) => /✗/.test(line)).length, 1, 'the one finding');
    t.equal(lines.filter((line) => /^ {4}(=>| {2}) 0x/.test(line)).length, 5, 'five lines of code');
    t.match(stdout, /^ {4}=> 0x[0-9a-f]{8} .* mov %eax,0x[0-9a-f]+ {2}# <boot_tsc_stamp>$/m);
    t.match(stdout, /^ {4}touched {3}write of 4 bytes at 0x00[0-9a-f]{6} <boot_tsc_stamp>$/m);
    t.match(stdout, new RegExp(`^ {4}should {4}be ${expected} <boot_tsc_stamp>, with the image at`, 'm'));
    t.match(lines.at(-1), /^ {4}rule {6}link-time-write$/);
    const json = await loadbase(['replay', '--sanitize', file, '--image', given, '--json']);
    t.equal(json.code, 1);
    t.match(JSON.parse(json.stdout), {
      traces: [
        {
          verdict: 'agrees',
          findings: [
            {
              ...{ rule: 'link-time-write', deed: 'write', sizeBytes: 4 },
              ...{ symbol: /^trampoline_setup\+/, sourceLine: /head\.S:\d+$/ },
            },
          ],
        },
      ],
    });
    const unnamed = await loadbase(['replay', '--sanitize', file, '--image', image]);
    t.match(unnamed, { code: 1, stdout: /✗ 0x[0-9a-f]{8}: it writes where/ }, 'without symbols');
    t.equal(unnamed.stdout.match(/✗/g)?.length, 1);
  });

t.test('a machine that died: the instruction that it died of is judged, too', async (t) => {
  const folder = t.testdir({});
  const { image, symbols } = await patchedXen(folder, 'page-tables-not-relocated');
  const given = `${image},${symbols}`;
  const file = await captured(t, folder, 'xen-early-boot~bios~base-0x03e00000', given);
  const { code, stdout } = await loadbase(['replay', '--sanitize', file, '--image', given]);
  t.equal(code, 1);
  t.match(stdout, /a table at 0x00\w{6} <l\d_\w+>; entry \d+ of the page table at 0x0\w{7}/);
});

t.test('at its link base nothing refers to another place', async (t) => {
  const file = await captured(t, t.testdir({}), 'xen-early-boot~bios~base-0x00200000');
  const { code, stdout } = await loadbase(['replay', '--sanitize', file]);
  t.equal(code, 0);
  t.match(stdout, /\n {2}✓ no rule is broken\n$/);
});
