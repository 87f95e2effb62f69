/** CLAIM: CPU and devices answer by what is asked, in any order; what was never asked is named, not guessed. */
import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeCache } from '../x86/execute/code-cache.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { run } from '../x86/execute/step.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField, writeField } from '../x86/state/state-layout.ts';
import { MachineInputs } from './machine-inputs.ts';
import { smallProfile } from './testdata/small-profile.ts';

const profile = smallProfile();

function told(words: number, ask: (into: Int32Array) => void): number[] {
  const into = new Int32Array(words);
  ask(into);
  return [...into].map((word) => word >>> 0);
}

t.test('CPUID', async (t) => {
  const inputs = new MachineInputs(profile);
  const one = [0x60fb1, 0x800, 0x8000_2001, 0x078b_fbfd];
  for (const subleaf of [0, 5])
    t.same(
      told(4, (into) => inputs.cpuid(1, subleaf, into)),
      one,
      'no subleaves',
    );
  t.same(
    told(4, (into) => inputs.cpuid(7, 1, into)),
    [1, 2, 3, 4],
  );
  t.throws(() => told(4, (into) => inputs.cpuid(7, 0, into)), {
    ...{ name: 'UnansweredError', what: 'CPUID 0x7, subleaf 0x0' },
    message: /^CPUID 0x7, subleaf 0x0: no capture .*; capture one that asks it$/,
  });
});

t.test('time stamps: as captured, then some time passes', async (t) => {
  const inputs = new MachineInputs(profile);
  const ask = () => told(2, (into) => inputs.timestamp(into));
  t.same(
    [ask(), ask(), ask(), ask()],
    [
      [5, 16],
      [9, 16],
      [1009, 16],
      [2009, 16],
    ],
  );
  inputs.reset();
  t.same(ask(), [5, 16]);
  const others = new MachineInputs(profile, { timestampsOf: 0x800000 });
  t.same(
    told(2, (into) => others.timestamp(into)),
    [0x77, 0],
  );
  const none = new MachineInputs(
    smallProfile({
      cpu: { cpuid: [], modelSpecific: [], ports: [], timestamps: [{ loadBase: '0x1', answers: [] }] },
    }),
  );
  t.throws(() => told(2, (into) => none.timestamp(into)), {
    name: 'UnansweredError',
    what: 'the time stamp',
  });
});

t.test('model-specific registers: what was written is read back', async (t) => {
  const inputs = new MachineInputs(profile);
  const ask = (index: number) => told(2, (into) => inputs.readModelSpecific(index, into));
  t.same(ask(0xc000_0080 | 0), [0x500, 0]);
  inputs.writeModelSpecific(0x277, 0x70406, 7);
  t.same(ask(0x277), [0x70406, 7]);
  inputs.reset();
  t.throws(() => ask(0x277), { name: 'UnansweredError', what: 'model-specific register 0x277' });
});

t.test('ports, and the text on COM1', async (t) => {
  const inputs = new MachineInputs(profile);
  t.same(
    [1, 2, 3].map(() => inputs.readPort(0x64, 1)),
    [1, 0, 0],
    'the last answer repeats',
  );
  t.throws(() => inputs.readPort(0x60, 1), { name: 'UnansweredError', what: 'port 0x60, 1 bytes' });
  t.equal(inputs.readPort(0x3fd, 1), 0x60, 'ready to send');
  for (const letter of Buffer.from('ERR: ')) inputs.writePort(0x3f8, 1, letter);
  inputs.writePort(0x80, 1, 0x41);
  t.equal(inputs.serialText, 'ERR: ');
  for (let index = 0; index < 70_000; index++) inputs.writePort(0x3f8, 1, 0x2e);
  t.equal(inputs.serialText.length, 64 * 1024);
  inputs.reset();
  t.equal(inputs.serialText, '');
});

t.test('in the model: thrown at the instruction that asked, for the caller to catch', async (t) => {
  const memory = new PhysicalMemory('zero');
  memory.load(0x1000, Buffer.from('90b8070000000fa2', 'hex'));
  const cpu = new Cpu(memory, new MachineInputs(profile));
  const state = flatState(32);
  writeField(state, 'rip', 0x1000n);
  cpu.load(state);
  const code = new CodeCache(new CodeStore(await loadDisassembler()));
  t.throws(() => run(cpu, code, 10), { name: 'UnansweredError', what: 'CPUID 0x7, subleaf 0x0' });
  t.equal(readField(cpu.state(), 'rip'), 0x1006n);
});
