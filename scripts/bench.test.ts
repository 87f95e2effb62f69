import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { MachineSpec } from '../harness/qemu/machine-spec.ts';
import { bareArguments, bareBoot } from './bench/bare-boot.ts';
import { usage } from './bench/check.ts';
import { figureLine, figureLines, interleaved, median } from './bench/figure.ts';

const bench = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'bench.ts'), ...args], {
    encoding: 'utf8',
    cwd: join(import.meta.dirname, '..'),
  });

t.test('one figure, one line on standard output; progress on standard error', async (t) => {
  const { status, stdout, stderr } = bench('--filter', 'li*', '--rounds', '1');
  t.equal(status, 0, stderr);
  t.match(JSON.parse(stdout), { name: 'list', unit: 'ms', peer: 'node bin/loadbase.js list', ratio: Number });
  t.equal(stdout.trimEnd().split('\n').length, 1);
  t.match(stderr, /^bench: list$/m);
});

t.test('--help names the figures', async (t) => {
  const { status, stdout } = bench('--help');
  t.equal(status, 0);
  for (const name of [
    'instance-overhead-bios',
    'instance-overhead-efi',
    'default-matrix',
    'list',
    'setup',
    'check/all',
  ])
    t.match(stdout, name);
});

t.test('a command’s time and memory; one that fails is no measurement', async (t) => {
  const seen = await usage(process.execPath, ['-e', 'setTimeout(() => {}, 300)']);
  t.ok(seen.ms > 0);
  t.ok(seen.peakMb > 10, `${seen.peakMb} MB: Node takes more than 10`);
  await t.rejects(usage(process.execPath, ['-e', 'console.error("no"); process.exit(4)']), {
    message: /ended with 4: no/,
  });
});

t.test('wrong use', async (t) => {
  t.match(bench('--filter', 'nothing'), { status: 2, stderr: /no figure matches nothing; there are .*list/ });
  t.match(bench('--rounds', '0'), { status: 2, stderr: /--rounds 0: a whole number of at least 1/ });
  t.match(bench('--rouns', '1'), { status: 2, stderr: /--rouns/ });
});

t.test('a figure is one line of JSON; without a peer there is no ratio', async (t) => {
  const line = figureLine('x', { value: 110, unit: 'ms', peer: 'bare', peerValue: 100 });
  t.notMatch(line, '\n');
  t.same(JSON.parse(line), { name: 'x', value: 110, unit: 'ms', peer: 'bare', peerValue: 100, ratio: 1.1 });
  t.same(JSON.parse(figureLine('y', { value: 0.123456, unit: 's' })), {
    name: 'y',
    value: 0.1235,
    unit: 's',
  });
});

t.test('a figure’s parts are lines of their own', async (t) => {
  const parts = [{ part: 'start', value: 1, unit: 'ms', peer: 'cold', peerValue: 2 }] as const;
  const lines = figureLines('x', { value: 3, unit: 's', parts }).map((line) => JSON.parse(line) as unknown);
  t.same(lines, [
    { name: 'x', value: 3, unit: 's' },
    { name: 'x/start', value: 1, unit: 'ms', peer: 'cold', peerValue: 2, ratio: 0.5 },
  ]);
});

t.test('the median of odd, even and no numbers', async (t) => {
  t.equal(median([10, 9, 100]), 10);
  t.equal(median([4, 1, 3, 2]), 2.5);
  t.throws(() => median([]), { name: 'RangeError' });
});

t.test('ours and the peer take turns at being first, and the first pair does not count', async (t) => {
  const order: string[] = [];
  const times = { ours: [900, 1, 2, 3], peers: [900, 4, 5, 6] };
  const measure = (who: 'ours' | 'peers') => async () => {
    order.push(who);
    return times[who].shift() ?? 0;
  };
  const rounds: [number, number][] = [];
  const seen = await interleaved(3, measure('ours'), measure('peers'), (our, peer) =>
    rounds.push([our, peer]),
  );
  t.same(seen, { ours: 2, peers: 5 });
  t.same(rounds, [
    [1, 4],
    [2, 5],
    [3, 6],
  ]);
  t.same(order, ['ours', 'peers', 'peers', 'ours', 'ours', 'peers', 'peers', 'ours']);
});

const spec: MachineSpec = {
  machine: 'q35',
  accelerator: 'tcg',
  memoryMib: 512,
  firmware: { kind: 'bios' },
  medium: { kind: 'iso', path: 'medium.iso' },
  payload: 'payload.tar',
};

t.test('the bare machine has the same devices, and nothing that talks to a harness', async (t) => {
  const argv = bareArguments(spec, '').join(' ');
  t.match(argv, '-device pvpanic,ioport=0x505');
  t.match(argv, '-action panic=none');
  t.notMatch(argv, /-chardev|-mon |-gdb|(^| )-S( |$)|panic=pause/);
});

const LAST_WORD = /^\(XEN\) dom0 kernel not specified/;

t.test('a machine that is not done by the console line is no measurement', async (t) => {
  const folder = t.testdir({
    'says-it': '#!/bin/sh\necho "(XEN) Xen"; printf "(XEN) dom0 kernel not specified"; exec sleep 600\n',
    ends: '#!/bin/sh\necho "out of memory"\n',
  });
  for (const name of ['says-it', 'ends']) chmodSync(join(folder, name), 0o755);
  t.ok(
    (await bareBoot(join(folder, 'says-it'), spec, folder, LAST_WORD)) > 0,
    'killed as soon as it was said',
  );
  await t.rejects(bareBoot(join(folder, 'ends'), spec, folder, LAST_WORD), {
    name: 'BareBootError',
    message: /did not get to the console line/,
  });
});
