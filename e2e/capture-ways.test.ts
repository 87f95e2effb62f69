/**
 * CLAIM: early boot stepped through the gdbstub is, step by step, what QEMU's own log tells of it; that of a kernel that dies,
 * too, up to its death, and it can be replayed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { firstDifference } from '../harness/trace/first-difference.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { loadbase } from './command.ts';
import { smallKernel } from './testdata/small-kernels.ts';

t.test('two captures of one instance, one each way', async (t) => {
  const directory = t.testdir({});
  const captured = async (way: 'log' | 'step') => {
    const file = join(directory, `${way}.lbtrace`);
    const args = ['xen-early-boot~bios~base-0x03e00000', '--accel', 'tcg', '--way', way, '-o', file];
    const end = await loadbase(['capture', ...args]);
    t.equal(end.code, 0, end.stderr);
    t.equal(end.stderr, '', `${way}: the model does what the machine does`);
    return new TraceReader(readFileSync(file));
  };
  const [log, step] = [await captured('log'), await captured('step')];
  t.equal(log.header.way, 'log');
  t.equal(step.header.way, 'step');
  t.same(step.totals, log.totals);
  t.ok(step.totals.guestSteps > 300_000);
  t.equal(firstDifference(log, step, { excuseInputs: true }), undefined);
});

t.test('a kernel that dies of a triple fault', async (t) => {
  const directory = t.testdir({});
  const kernel = smallKernel(directory, 'triple-fault');
  const captured = async (way: 'log' | 'step', why: string) => {
    const file = join(directory, `${way}.lbtrace`);
    const args = ['--kernel', kernel, '--until', '0x500000', '--accel', 'tcg', '--way', way, '-o', file];
    const end = await loadbase(['capture', 'kernel~bios~base-0x80000000', ...args]);
    t.equal(end.code, 0, end.stderr);
    t.match(end.stdout, `0 excursions; the machine died: ${why}`);
    const replayed = await loadbase(['replay', file, '--image', kernel]);
    t.equal(replayed.code, 0, replayed.stdout);
    return new TraceReader(readFileSync(file));
  };
  const log = await captured('log', 'Triple fault');
  const step = await captured('step', 'it was reset or shut down');
  t.ok(log.totals.steps > 100);
  t.same(step.totals, log.totals);
  t.equal(firstDifference(log, step, { excuseInputs: true }), undefined);
});
