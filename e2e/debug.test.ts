/** CLAIM: `loadbase debug` stops a real machine at the image's entry, and gdb, as told, has the symbols at the right base. */
import t, { type Test } from 'tap';
import { Deadline } from '../harness/lifetime/deadline.ts';
import { poll } from '../harness/lifetime/poll.ts';
import { gone, machinesOf, type RunningCommand, start, startLoadbase } from './command.ts';

const START_MS = 60_000;
const END_MS = 20_000;

async function untilItWaits(command: RunningCommand): Promise<string> {
  return poll('the machine to wait', Deadline.in(START_MS), () =>
    command.stdout().includes('the machine waits') ? command.stdout() : undefined,
  );
}

/** What gdb says, started by a shell as the line that was printed. */
async function askGdb(printed: string, questions: readonly string[]): Promise<string> {
  const line = printed.split('\n').find((each) => each.startsWith('  gdb '));
  const asked = questions.map((question) => `-ex '${question}'`).join(' ');
  await using gdb = start('sh', ['-c', `exec ${line?.trim()} -batch ${asked}`]);
  const { stdout, stderr } = await gdb.ended;
  return stdout + stderr;
}

async function debugs(t: Test, instance: string, pc: RegExp, symbol: RegExp): Promise<void> {
  await using command = startLoadbase(['debug', instance, '--no-gdb']);
  const printed = await untilItWaits(command);
  t.match(printed, /^stopped at “entry”, 0x[0-9a-f]{8}; console: \S+serial\.log$/m);
  const machines = machinesOf(command.pid);
  t.equal(machines.length, 1);
  const answer = await askGdb(printed, ['info registers rip', 'info symbol $pc', 'info symbol __high_start']);
  t.match(answer, pc);
  t.match(answer, symbol);
  t.match(answer, /^__high_start in section/m, 'symbols at the high addresses, too');
  t.same(machinesOf(command.pid), machines, 'gdb has gone, the machine is still there');
  command.kill('SIGINT');
  const { code } = await Deadline.in(END_MS).wait(command.ended, 'the end after SIGINT');
  t.equal(code, 130);
  await t.resolves(gone(machines, END_MS), 'no machine is left');
}

t.test('SeaBIOS: the 32-bit entry', async (t) =>
  debugs(t, 'xen-early-boot~bios~base-0x03e00000', /^rip +0x3e00000 /m, /^_?start in section \.text/m),
);

t.test('OVMF: the EFI amd64 entry', async (t) =>
  debugs(
    t,
    'xen-early-boot~efi~base-0x03e00000',
    /^rip +0x3f[0-9a-f]{5} /m,
    /^__efi64_mb2_start in section \.init\.text/m,
  ),
);
