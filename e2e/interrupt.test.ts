/**
 * CLAIM: however a run is ended from outside, no machine outlives it, and what is known by then can be read.
 *
 * Machines are recorded while they run, by process id; that they are gone is asked of the kernel, not of the tool.
 */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Deadline } from '../harness/lifetime/deadline.ts';
import { poll } from '../harness/lifetime/poll.ts';
import { gone, machinesOf, readResults, type RunningCommand, startLoadbase } from './command.ts';

/** Bounds of waits that end as soon as what they wait for is there. */
const START_MS = 60_000;
const END_MS = 20_000;

const EFI = ['run', '*~efi~*', '--jobs', '2', '--reporter', 'tap'];

/** A run in the middle of its first machines, and these machines. */
async function midRun(out: string): Promise<{ command: RunningCommand; machines: readonly number[] }> {
  const command = startLoadbase([...EFI, '--out', out]);
  const machines = await poll('two machines', Deadline.in(START_MS), () => {
    const found = machinesOf(command.pid);
    return found.length === 2 ? found : undefined;
  });
  return { command, machines };
}

const socketFolders = (pid: number) =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`loadbase-${pid}-`));

async function readUnfinished(t: Test, out: string): Promise<void> {
  const results = await readResults(out);
  t.equal(results.finished, false);
  t.ok(results.instances.length < results.planned);
  t.strictSame(
    results.instances.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skip'),
    [],
    'what was cut short is not blamed on the subject',
  );
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  t.test(`${signal} in the middle of a run`, async (t) => {
    const out = join(t.testdir({}), 'run');
    const { command, machines } = await midRun(out);
    await using _ = command;
    command.kill(signal);
    const { code, stdout, stderr } = await Deadline.in(END_MS).wait(command.ended, `the end after ${signal}`);
    t.equal(code, 130);
    t.match(stderr, /ending machines and builds \(again to end at once\)/);
    t.match(stdout, /^Bail out! interrupted$/m);
    await t.resolves(gone(machines, END_MS), 'no machine is left');
    t.strictSame(socketFolders(command.pid), [], 'no socket folder is left');
    await readUnfinished(t, out);
  });

t.test('a second SIGINT', async (t) => {
  const out = join(t.testdir({}), 'run');
  const { command, machines } = await midRun(out);
  await using _ = command;
  command.kill('SIGINT');
  command.kill('SIGINT');
  const { code } = await Deadline.in(END_MS).wait(command.ended, 'the end after two SIGINTs');
  t.equal(code, 130);
  await t.resolves(gone(machines, END_MS), 'no machine is left');
  await readUnfinished(t, out);
});

t.test('SIGKILL', async (t) => {
  const out = join(t.testdir({}), 'run');
  const { command, machines } = await midRun(out);
  await using _ = command;
  command.kill('SIGKILL');
  t.match(await command.ended, { code: null, signal: 'SIGKILL' });
  await t.resolves(gone(machines, END_MS), 'no machine is left');
  await readUnfinished(t, out);
});
