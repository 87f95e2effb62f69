/** CLAIM: what the commands print can be read by the programs it is meant for, and by a person behind a pipe. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parseResults } from '../harness/report/results-schema.ts';
import { BIN, loadbase, readResults, resultOf, start } from './command.ts';

const BOOT = 'xen-early-boot~bios~base-0x03e00000';
const REFUSED = 'xen-early-boot~bios~base-firmware-owned';

/** Python's expat is the oracle: it fails on XML that is not well-formed, and prints what it read. */
const READ_XML = `
import json, sys, xml.etree.ElementTree as tree
cases = tree.parse(sys.argv[1]).getroot().iter('testcase')
print(json.dumps([[case.get('name'), [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]] for case in cases]))
`;

t.test('several reporters at once, for a pipe', async (t) => {
  const folder = t.testdir({});
  const file = (name: string) => join(folder, name);
  const reporters = `pretty,junit=${file('junit.xml')},json=${file('all.json')},tap=${file('run.tap')}`;
  const { code, stdout, stderr } = await loadbase(
    ['run', BOOT, REFUSED, '--reporter', reporters, '--out', file('run')],
    { env: { TERM: 'xterm-256color' } },
  );
  t.equal(code, 0, stderr);
  t.notMatch(stdout + stderr, /\x1b/, 'no escape sequence');
  t.match(stdout, new RegExp(`✓ pass +${BOOT} +0x03e00000 +12 of 12`));
  t.match(stdout, /^2 instances: 2 pass in [\d.]+ s \(/m);
  const cases = JSON.parse(
    execFileSync('python3', ['-c', READ_XML, file('junit.xml')], { encoding: 'utf8' }),
  ) as [string, string[]][];
  t.same(
    cases.sort(),
    [
      [BOOT, []],
      [REFUSED, []],
    ].sort(),
  );
  const json = parseResults(JSON.parse(await readFile(file('all.json'), 'utf8')));
  t.same(json, await readResults(file('run')), 'the JSON reporter says what results.json says');
  t.equal(resultOf(json, BOOT).verdict, 'pass');
  t.match(await readFile(file('run.tap'), 'utf8'), /^TAP version 14\n/);
});

t.test('a reader that goes away', async (t) => {
  const folder = t.testdir({});
  const commands = [`list`, `run ${BOOT} --out ${join(folder, 'run')}`, 'run --help'];
  for (const command of commands)
    await t.test(command, async (t) => {
      const pipe = `"$0" "$1" ${command} | head -n 1`;
      await using shell = start('sh', ['-c', pipe, process.execPath, BIN]);
      const { code, stdout, stderr } = await shell.ended;
      t.equal(code, 0, 'head is content');
      t.equal(stdout.split('\n').length, 2, 'it had its line');
      t.equal(stderr, '', 'and nothing else is said');
    });
});

t.test('loadbase list', async (t) => {
  const { code, stdout } = await loadbase(['list', '--json']);
  t.equal(code, 0);
  const { scenarios, instances } = JSON.parse(stdout) as {
    scenarios: { name: string; claim: string }[];
    instances: { name: string; base: string; expected: string; firmware: string }[];
  };
  t.match(scenarios.slice(0, 3), [
    { name: 'xen-early-boot', claim: /base/ },
    { name: 'xen-modules', claim: /Modules/ },
    { name: 'grub-relocatable', claim: /GRUB/ },
  ]);
  t.equal(scenarios.filter(({ name }) => name.startsWith('history-')).length, 16);
  t.ok(instances.length >= 30);
  t.ok(
    instances.every(
      ({ name, expected }) =>
        /^(xen-(early-boot|modules)|grub-relocatable|history-[a-z0-9-]+)~/.test(name) && expected.length > 0,
    ),
  );
  const plain = await loadbase(['list', '*~efi~*']);
  t.notMatch(plain.stdout, /\x1b/);
  t.strictSame(
    plain.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0]),
    instances.filter(({ firmware }) => firmware === 'efi').map(({ name }) => name),
    'plain lines, to be cut',
  );
});

t.test('loadbase doctor', async (t) => {
  const { code, stdout, stderr } = await loadbase(['doctor', '--json']);
  t.equal(code, 0, `${stdout}${stderr}`);
  const { needs, nextAction } = JSON.parse(stdout) as {
    needs: { name: string; state: string }[];
    nextAction?: string;
  };
  t.equal(nextAction, undefined, 'nothing is missing here');
  t.match(
    needs.find(({ name }) => name === 'QEMU'),
    { state: 'ok' },
  );
  const plain = await loadbase(['doctor']);
  t.equal(plain.code, 0);
  t.notMatch(plain.stdout, /\x1b/);
  for (const { name } of needs) t.match(plain.stdout, name);
});

for (const command of ['doctor', 'build', 'list', 'run', 'debug', 'capture', 'replay', 'vectors'])
  t.test(`loadbase ${command} --help`, async (t) => {
    const { code, stdout, stderr } = await loadbase([command, '--help']);
    t.match({ code, stderr }, { code: 0, stderr: '' });
    t.match(stdout, new RegExp(`^Usage: loadbase ${command} `));
    t.match(stdout, /^Examples:\n {2}loadbase /m);
  });
