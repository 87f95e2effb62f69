/** CLAIM: an announced end is looked at on a machine that stands still, halted where it will halt; nobody else's end is. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { BootRecord } from '../boot/boot-record.ts';
import type { BootSession } from '../boot/boot-session.ts';
import type { Inspection } from '../boot/subject-driver.ts';
import { QmpCommandError } from '../qmp/errors.ts';
import { withEnd } from './end-inspection.ts';
import type { EndedMachine, InstanceDriver } from './instance-driver.ts';
import { LayoutOracle } from './layout-oracle.ts';
import { REPORT } from './testdata/kernel-at-entry.ts';

const REGISTERS = readFileSync(
  new URL('../qemu/testdata/registers-multiboot32-bios.txt', import.meta.url),
  'utf8',
);
const HALTED = REGISTERS.replace('HLT=0', 'HLT=1');

interface Fake {
  readonly session: BootSession;
  readonly commands: string[];
}

/** @param shown what `info registers` says, one after the other, the last for ever; an Error is thrown. */
function fake(shown: readonly (string | Error)[], memory = '', ram?: object): Fake {
  const commands: string[] = [];
  const answers = [...shown];
  const monitor = (line: string): string => {
    if (line.startsWith('xp')) return memory;
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer ?? '';
  };
  const qmp = {
    execute: async (command: string, values?: Record<string, string>) => {
      const line = values?.['command-line'];
      commands.push(line ?? command);
      return line === undefined ? {} : monitor(line);
    },
  };
  const session = { machine: { qmp, ram }, console: { lines: () => ['first', 'a later word'] } };
  return { session: session as unknown as BootSession, commands };
}

const RECORD: BootRecord = {
  end: { kind: 'subject', meaning: 'expected', text: 'done' },
  ...{ loader: REPORT, checkpoints: [], missed: [], subjectLines: ['first'] },
};

function driverOf(inspections: InstanceDriver['endInspections'], haltsAtEnd = false): InstanceDriver {
  return {
    ...{ layout: new LayoutOracle(), notPossible: [], landmarks: [], ends: {}, stops: () => [] },
    ...(haltsAtEnd ? { haltsAt: ['expected' as const] } : {}),
    ...{ own: { name: 'own', observe: () => [] }, observe: async () => [] },
    ...(inspections ? { endInspections: inspections } : {}),
  };
}

/** One inspection called `end` that looks at the machine so. */
const looking =
  (look: (machine: EndedMachine) => Promise<string>): InstanceDriver['endInspections'] =>
  (machine): Inspection[] => [
    { name: 'end', inspect: async () => [{ ok: true, text: await look(machine) }] },
  ];
const isHalted = looking(async (machine) => String(machine.isHalted));

t.test('the machine is stopped, looked at, and stays stopped', async (t) => {
  const { session, commands } = fake([REGISTERS]);
  const record = await withEnd(session, driverOf(isHalted), RECORD);
  t.strictSame(commands, ['stop', 'info registers']);
  t.strictSame(record.checkpoints, [
    { name: 'end', address: 0n, observations: [{ ok: true, text: 'false' }] },
  ]);
  t.strictSame(record.subjectLines, ['first', 'a later word'], 'what it said after its end is heard');
});

t.test('a subject that halts after its last word is waited for', async (t) => {
  const { session, commands } = fake([REGISTERS, REGISTERS, HALTED]);
  const record = await withEnd(session, driverOf(isHalted, true), RECORD);
  const again = ['stop', 'info registers', 'cont'];
  t.strictSame(commands, [...again, ...again, 'stop', 'info registers']);
  t.match(record.checkpoints, [{ observations: [{ text: 'true' }] }]);
});

t.test('but not for ever; it is left stopped', async (t) => {
  const { session, commands } = fake([REGISTERS]);
  const record = await withEnd(session, driverOf(isHalted, true), RECORD);
  t.match(record.checkpoints, [{ observations: [{ text: 'false' }] }]);
  t.ok(commands.filter((command) => command === 'cont').length > 1);
  t.strictSame(commands.slice(-2), ['stop', 'info registers']);
});

t.test('a machine that is gone cannot be looked at; one that should have halted is missed', async (t) => {
  const gone = new Error('QMP closed');
  t.equal(await withEnd(fake([gone]).session, driverOf(isHalted), RECORD), RECORD);
  const missed = await withEnd(fake([gone]).session, driverOf(isHalted, true), RECORD);
  t.match(missed.checkpoints, [
    { name: 'end', observations: [{ ok: false, text: /^the machine was gone/ }] },
  ]);
});

t.test('a guest that reset instead of halting cannot go on, and is looked at as it is', async (t) => {
  const { session, commands } = fake([REGISTERS]);
  const { qmp } = session.machine;
  const execute = qmp.execute.bind(qmp);
  const refusal = { class: 'GenericError', desc: 'Resetting the Virtual Machine is required' };
  Object.assign(qmp, {
    execute: (command: string, values?: Record<string, unknown>) =>
      command === 'cont' ? Promise.reject(new QmpCommandError('cont', refusal)) : execute(command, values),
  });
  const record = await withEnd(session, driverOf(isHalted, true), RECORD);
  t.match(record.checkpoints, [{ observations: [{ text: 'false' }] }]);
  t.strictSame(commands, ['stop', 'info registers']);
});

t.test('registers that cannot be read are an observation', async (t) => {
  const reading = looking(async (machine) => String((await machine.readMachineState()).cr0));
  const record = await withEnd(fake(['what is that?']).session, driverOf(reading), RECORD);
  t.match(record.checkpoints, [{ observations: [{ ok: false, text: /^could not be looked at: no RAX/ }] }]);
});

t.test('only an end that the subject announced, after a loader that reported', async (t) => {
  const { session, commands } = fake([REGISTERS]);
  const driver = driverOf(isHalted);
  const others: BootRecord[] = [
    { ...RECORD, end: { kind: 'machine', end: { kind: 'reset' } } },
    { ...RECORD, end: { kind: 'refused', errors: [] } },
    { ...RECORD, loader: undefined },
  ];
  for (const other of others) t.equal(await withEnd(session, driver, other), other);
  t.equal(await withEnd(session, driverOf(undefined), RECORD), RECORD);
  t.strictSame(commands, []);
});

t.test(
  'what an inspection cannot read is its observation; one without a word leaves no checkpoint',
  async (t) => {
    const driver = driverOf(() => [
      { name: 'broken', inspect: () => Promise.reject(new Error('beyond memory')) },
      { name: 'silent', inspect: async () => [] },
      { name: 'fine', inspect: async () => [{ ok: true, text: 'fine' }] },
    ]);
    const { checkpoints } = await withEnd(fake([REGISTERS]).session, driver, RECORD);
    t.match(checkpoints, [
      { name: 'broken', observations: [{ ok: false, text: 'could not be looked at: beyond memory' }] },
      { name: 'fine' },
    ]);
    t.equal(checkpoints.length, 2);
  },
);

const BYTES = looking(async (machine) => [...(await machine.readDevice(0xb8000, 10))].join());

t.test('device memory, as the monitor prints it', async (t) => {
  const text = '00000000000b8000: 0x45 0x07 0x52 0x07 0x52 0x07 0x3a 0x07\r\n00000000000b8008: 0x20 0x0f\r\n';
  const { session, commands } = fake([REGISTERS], text);
  const { checkpoints } = await withEnd(session, driverOf(BYTES), RECORD);
  t.match(checkpoints, [{ observations: [{ text: '69,7,82,7,82,7,58,7,32,15' }] }]);
  t.equal(commands.at(-1), 'xp /10xb 0x000b8000');
});

t.test('a short answer is no memory', async (t) => {
  for (const [text, count] of [
    ['00000000000b8000: 0x45 0x07\r\n', 2],
    ['', 0],
    ['Cannot access memory\r\n', 0],
    [`00000000000b8000:${' 0x00'.repeat(11)}`, 11],
  ] as const) {
    const { checkpoints } = await withEnd(fake([REGISTERS], text).session, driverOf(BYTES), RECORD);
    t.match(checkpoints, [
      {
        observations: [
          { ok: false, text: `could not be looked at: the monitor gave ${count} of 10 bytes at 0x000b8000` },
        ],
      },
    ]);
  }
});

t.test('memory is shared where it can be, else the monitor’s', async (t) => {
  const physical = looking(async (machine) => [...(await machine.readPhysical(0x1000, 2))].join());
  const ram = { read: async () => Uint8Array.of(1, 2) };
  const shared = await withEnd(fake([REGISTERS], '', ram).session, driverOf(physical), RECORD);
  t.match(shared.checkpoints, [{ observations: [{ text: '1,2' }] }]);
  const told = await withEnd(
    fake([REGISTERS], '0000000000001000: 0x03 0x04').session,
    driverOf(physical),
    RECORD,
  );
  t.match(told.checkpoints, [{ observations: [{ text: '3,4' }] }]);
});
