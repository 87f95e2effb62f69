import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { Machine } from '../qemu/launch.ts';
import type { QmpEvent } from '../qmp/event-history.ts';
import type { ProcessExit } from '../process/spawn-group.ts';
import { endFromEvent, MachineWatch } from './machine-end.ts';
import { parseCodeSegment } from './cpu-state.ts';

const event = (name: string, data: Record<string, unknown> = {}): QmpEvent => ({
  ...{ sequence: 1, timeMs: undefined },
  ...{ name, data },
});

t.test('what an event means for the machine', async (t) => {
  const cases: [name: string, data: Record<string, unknown>, end: object | undefined][] = [
    ['GUEST_PANICKED', { action: 'pause' }, { kind: 'paused' }],
    ['SHUTDOWN', { guest: true, reason: 'guest-reset' }, { kind: 'reset' }],
    ['SHUTDOWN', { guest: true, reason: 'guest-shutdown' }, { kind: 'shutdown' }],
    ['SHUTDOWN', { guest: false, reason: 'host-signal' }, undefined],
    ['SHUTDOWN', { guest: false, reason: 'host-qmp-quit' }, undefined],
    ['SHUTDOWN', { guest: false, reason: 'host-error' }, { kind: 'internal-error' }],
    ['RESET', { guest: true, reason: 'guest-reset' }, { kind: 'reset' }],
    ['RESET', { guest: false, reason: 'host-qmp-system-reset' }, undefined],
    ['STOP', {}, undefined],
    ['NIC_RX_FILTER_CHANGED', {}, undefined],
  ];
  for (const [name, data, end] of cases)
    t.match(endFromEvent(event(name, data)), end, `${name} ${JSON.stringify(data)}`);
});

/** A machine whose events, exit and run state the test decides. */
function watched(status: unknown = { status: 'paused' }) {
  let tell: (event: QmpEvent) => void = () => undefined;
  let exit: (exit: ProcessExit) => void = () => undefined;
  let listening = false;
  const machine = {
    qmp: {
      onEvent: (listener: (event: QmpEvent) => void) => {
        [tell, listening] = [listener, true];
        return () => (listening = false);
      },
      execute: async () => {
        if (status instanceof Error) throw status;
        return status;
      },
    },
    process: {
      exited: new Promise<ProcessExit>((resolve) => (exit = resolve)),
      stderrTail: () => 'last words',
    },
  } as unknown as Machine;
  const watch = new MachineWatch(machine);
  return {
    watch,
    tell: (e: QmpEvent) => tell(e),
    exit: (e: ProcessExit) => exit(e),
    isListening: () => listening,
  };
}

t.test('ends are told once each, in order, whether awaited before or after', async (t) => {
  const { watch, tell, exit } = watched();
  tell(event('GUEST_PANICKED'));
  tell(event('SHUTDOWN', { guest: true, reason: 'guest-reset' }));
  t.match(await watch.next(), { kind: 'paused' });
  t.match(await watch.next(), { kind: 'reset' });
  const next = watch.next();
  exit({ kind: 'signal', signal: 'SIGSEGV' });
  t.strictSame(await next, {
    kind: 'qemu-exit',
    exit: { kind: 'signal', signal: 'SIGSEGV' },
    stderr: 'last words',
  });
});

t.test('a stop is asked for its reason: only QEMU’s own failure is an end', async (t) => {
  for (const state of ['internal-error', 'io-error']) {
    const { watch, tell } = watched({ status: state });
    tell(event('STOP'));
    t.match(await watch.next(), { kind: 'internal-error', detail: `QEMU is in run state ${state}` });
  }
  for (const harmless of [{ status: 'paused' }, new Error('closed')]) {
    const { watch, tell } = watched(harmless);
    tell(event('STOP'));
    await setTimeout(100);
    tell(event('GUEST_PANICKED'));
    t.match(await watch.next(), { kind: 'paused' });
  }
});

t.test('a stop that is over in a moment is not asked about', async (t) => {
  const { watch, tell } = watched({ status: 'internal-error' });
  tell(event('STOP'));
  tell(event('RESUME'));
  await setTimeout(100);
  tell(event('GUEST_PANICKED'));
  t.match(await watch.next(), { kind: 'paused' });
});

t.test('a watch that is let go listens no more', async (t) => {
  const { watch, isListening } = watched();
  t.ok(isListening());
  watch[Symbol.dispose]();
  t.notOk(isListening());
});

const REGISTERS = `EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =f000 ffff0000 0000ffff 00009b00
GDT=     000f6248 0000007f
IDT=     00000000 0000ffff
CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000
EFER=0000000000000000
`;

t.test('the code segment’s mode', async (t) => {
  const segment = (flags: string, efer: string) =>
    parseCodeSegment(`CS =e008 00000000 ffffffff ${flags} DPL=0 CS64 [-RA]\nEFER=${efer}\n`);
  t.strictSame(parseCodeSegment(REGISTERS), { base: 0xffff0000n, bitness: 16 });
  t.match(segment('00c09b00', '0000000000000000'), { bitness: 32 });
  t.match(segment('00209b00', '0000000000000d00'), { bitness: 64 });
  // The L bit means nothing outside long mode, and compatibility mode is 32-bit code in long mode.
  t.match(segment('00a09b00', '0000000000000000'), { bitness: 16 });
  t.match(segment('00c09b00', '0000000000000d00'), { bitness: 32 });
  t.equal(parseCodeSegment('nothing of the kind'), undefined);
});
