/**
 * CLAIM: what `loadbase capture` records of a real boot the x86 model agrees with to the last step, on both firmwares and
 * wherever the image is; a capture that cannot be is refused, and one that is stopped leaves what it has.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Deadline } from '../harness/lifetime/deadline.ts';
import { poll } from '../harness/lifetime/poll.ts';
import { firstDifference } from '../harness/trace/first-difference.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { gone, loadbase, machinesOf, startLoadbase } from './command.ts';

const BIOS = 'xen-early-boot~bios~base-0x03e00000';
const EFI = 'xen-early-boot~efi~base-0x03e00000';
const START_MS = 60_000;
const END_MS = 20_000;

const folder = t.testdir({});

async function captured(t: Test, instance: string, name: string, ...options: string[]): Promise<string> {
  const output = join(folder, name);
  const { code, stdout, stderr } = await loadbase(['capture', instance, '-o', output, ...options]);
  t.match({ code, stderr }, { code: 0, stderr: '' }, 'the model does what the machine did');
  t.match(stdout, /\d steps, [\d,]+ with iterations, \d+ excursions; \S+ reached \(scout/);
  t.notMatch(stdout, /\x1b/, 'plain lines for a pipe');
  t.notOk(existsSync(`${output}.part`));
  return output;
}

async function replays(t: Test, file: string): Promise<void> {
  const { code, stdout, stderr } = await loadbase(['replay', file]);
  t.match({ code, stderr }, { code: 0, stderr: '' });
  t.match(stdout, /^✓ .*: [\d,]+ steps( \([\d,]+ with iterations\))?, no divergence \(/);
}

const INSTANCES = [
  [BIOS, 'bios'],
  [EFI, 'efi'],
  ['xen-early-boot~bios~base-0x80000000', 'bios, above 2 GiB'],
  ['xen-early-boot~efi~base-0x80000000', 'efi, above 2 GiB'],
  ['xen-early-boot~bios~base-0x03e00000~no-relocation', 'at its link base, whatever was forced'],
] as const;
for (const [instance, what] of INSTANCES)
  t.test(what, async (t) => {
    await replays(t, await captured(t, instance, `${what}.lbtrace`));
  });

t.test('a specimen, to a symbol of its own', async (t) => {
  const instance = 'grub-relocatable~efi~base-any~probe-fixed';
  await replays(t, await captured(t, instance, 'probe.lbtrace', '--until', 'halt64'));
});

t.test('two captures of one instance tell the same but for what came from outside', async (t) => {
  await captured(t, BIOS, 'again.lbtrace');
  const [one, other] = await Promise.all(
    ['bios.lbtrace', 'again.lbtrace'].map(
      async (name) => new TraceReader(await readFile(join(folder, name))),
    ),
  );
  t.equal(firstDifference(one!, other!, { excuseInputs: true }), undefined);
});

t.test('an image within', async (t) => {
  const file = await captured(t, BIOS, 'whole.lbtrace', '--embed-image');
  const { code, stdout } = await loadbase(['replay', file], {
    env: { XDG_CACHE_HOME: join(folder, 'none') },
  });
  t.equal(code, 0, 'needs nothing that was built');
  t.match(stdout, 'no divergence');
});

async function refused(t: Test, args: readonly string[], says: RegExp): Promise<void> {
  const at = t.testdir({});
  const { code, stdout, stderr } = await loadbase(['capture', ...args], { cwd: at });
  t.equal(code, 2, stderr);
  t.match(stderr, says);
  t.notMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
  t.notMatch(stdout, /scout/, 'nothing was booted');
  t.same(readdirSync(at), [], 'nothing is left');
}

const REFUSED: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'a base that GRUB refuses',
    ['xen-early-boot~bios~base-firmware-owned'],
    /GRUB refuses to load \S+ \(the firmware keeps .*\), so nothing of it runs; take another base/,
  ],
  ['a base that GRUB chooses', ['xen-early-boot~efi~base-any'], /GRUB chooses where \S+ lands.*--base/],
  [
    'an image that gives up early',
    ['xen-early-boot~bios~base-0x04101000'],
    /is to end before __start_xen, with “ERR: .*”; say with --until/,
  ],
  ['no such instance', ['xen-early-boot~bios~base-0x03e0000'], /no instance matches .*nearest is/],
  ['several instances', ['xen-early-boot~*'], /"xen-early-boot~\*" matches \d+ instances; capture takes one/],
  ['no such symbol', [BIOS, '--until', '__start_xne'], /has no symbol "__start_xne".*--until/],
  ['no address', [BIOS, '--until', '0xxen'], /has no symbol "0xxen".*--until/],
  [
    'a folder that is not',
    [BIOS, '-o', 'not/there.lbtrace'],
    /cannot write not\/there.lbtrace.part \(ENOENT\); name/,
  ],
  ['a folder as file', [BIOS, '-o', '.'], /cannot write the trace \.: it is a folder; name a file with -o/],
];
for (const [what, args, says] of REFUSED) t.test(what, async (t) => refused(t, args, says));

async function stepsIn(file: string): Promise<number> {
  try {
    return new TraceReader(await readFile(file)).totals.steps;
  } catch {
    return 0;
  }
}

t.test('SIGINT in the middle: no machine is left, and what there is can be read', async (t) => {
  const output = join(folder, 'stopped.lbtrace');
  // By steps: that takes long enough for the signal to come in the middle.
  await using command = startLoadbase(['capture', EFI, '-o', output, '--way', 'step']);
  await poll('steps in the file', Deadline.in(START_MS), async () =>
    (await stepsIn(`${output}.part`)) > 0 ? true : undefined,
  );
  const machines = machinesOf(command.pid);
  t.equal(machines.length, 1);
  command.kill('SIGINT');
  const { code, stderr } = await Deadline.in(END_MS).wait(command.ended, 'the end after SIGINT');
  t.equal(code, 130, stderr);
  t.match(stderr, /what was recorded until then is in \S+stopped\.lbtrace\.part; `loadbase replay` reads it/);
  await t.resolves(gone(machines, END_MS), 'no machine is left');
  t.notOk(existsSync(output));
  const replayed = await loadbase(['replay', `${output}.part`]);
  t.equal(replayed.code, 2);
  t.match(
    replayed.stderr,
    /cut short: .*; [1-9]\d* steps before it are whole; .* \([\d,]+ steps.* before it agree\)/,
  );
});
