/** CLAIM: Xen's early boot stepped through the gdbstub is, step by step, what QEMU's own log tells of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { firstDifference } from '../harness/trace/first-difference.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { loadbase } from './command.ts';

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
