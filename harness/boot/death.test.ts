import t from 'tap';
import type { BootEnd } from './boot-end.ts';
import { causeOfDeath, causeOfQemuExit, deathText, type Death, type DeathCause } from './death.ts';
import { parseCpuState } from './cpu-state.ts';

const CPU = parseCpuState(
  'EIP=00001000 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\nESP=00008000\nCS =0008 00000000 ffffffff 00c09b00\nCR0=00000011\nEFER=0000000000000000\n',
)!;
const TRIPLE_LOG = 'CPU Reset (CPU 0)\nRAX=0000\nTriple fault\nCPU Reset (CPU 0)\n';
const RESET_LOG = 'CPU Reset (CPU 0)\nRAX=0000\n';

const exited = (stderr: string): BootEnd => ({
  kind: 'machine',
  end: { kind: 'qemu-exit', exit: { kind: 'exit', code: 1 }, stderr },
});
const reset: BootEnd = { kind: 'machine', end: { kind: 'reset' } };
const failed: BootEnd = {
  kind: 'machine',
  end: { kind: 'internal-error', detail: 'run state internal-error' },
};
const timeout = (phase: 'firmware' | 'loader' | 'subject'): BootEnd => ({
  ...{ kind: 'timeout', awaited: '“done”', lastSeen: undefined, phase },
});
const still = (phase: 'loader' | 'subject', kind: 'halted' | 'looping'): BootEnd => ({
  ...{ kind: 'still', phase, stillness: { kind, cpu: CPU } },
});

const noBigInt = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

t.test('each end of a boot has its name', async (t) => {
  const cases: [end: BootEnd, cause: object | undefined, log?: string, accelerator?: 'kvm'][] = [
    [{ kind: 'survey' }, undefined],
    [{ kind: 'subject', meaning: 'expected', text: 'x' }, undefined],
    [
      { kind: 'subject', meaning: 'panic', text: 'ouch' },
      { kind: 'panic', text: 'ouch' },
    ],
    [
      { kind: 'subject', meaning: 'early-error', text: 'ERR: no!' },
      { kind: 'early-error', text: 'ERR: no!' },
    ],
    [
      { kind: 'refused', errors: ['a', 'b'] },
      { kind: 'loader-error', text: 'a; b' },
    ],
    [
      { kind: 'refused', errors: [] },
      { kind: 'loader-error', text: 'it gave no reason' },
    ],
    [
      { kind: 'loader', detail: 'no payload' },
      { kind: 'loader-error', text: 'no payload' },
    ],
    [{ kind: 'loader', detail: 'at its prompt', state: 'prompt' }, { kind: 'loader-prompt' }],
    [reset, { kind: 'triple-fault' }, TRIPLE_LOG],
    [reset, { kind: 'guest-reset' }, RESET_LOG],
    [reset, { kind: 'reset-or-triple-fault' }, ''],
    [reset, { kind: 'reset-or-triple-fault' }, RESET_LOG, 'kvm'],
    [{ kind: 'machine', end: { kind: 'shutdown' } }, { kind: 'guest-shutdown' }],
    [
      { kind: 'machine', end: { kind: 'paused' } },
      { kind: 'panic', text: /pvpanic/ },
    ],
    [failed, { kind: 'qemu-error', text: /internal-error/ }],
    [failed, { kind: 'accelerator-error' }, '', 'kvm'],
    [exited('KVM internal error. Suberror: 1'), { kind: 'accelerator-error' }, '', 'kvm'],
    [exited('out of memory'), { kind: 'qemu-error', text: 'out of memory' }, '', 'kvm'],
    [exited(''), { kind: 'qemu-error', text: 'it said nothing' }],
    [still('subject', 'halted'), { kind: 'halted' }],
    [still('subject', 'looping'), { kind: 'tight-loop' }],
    [still('loader', 'halted'), { kind: 'loader-hang', text: /hlt/ }],
    [
      { kind: 'console', state: 'flooded', detail: 'much' },
      { kind: 'console-flood', text: 'much' },
    ],
    [
      { kind: 'console', state: 'closed', detail: 'gone' },
      { kind: 'qemu-error', text: 'gone' },
    ],
    [timeout('firmware'), { kind: 'firmware-hang' }],
    [timeout('loader'), { kind: 'loader-hang', text: /waited for “done”/ }],
    [timeout('subject'), { kind: 'unknown-hang' }],
  ];
  for (const [end, cause, cpuLog = '', accelerator = 'tcg'] of cases)
    t.match(causeOfDeath({ end, accelerator, cpuLog }), cause, JSON.stringify([end, cause], noBigInt));
});

t.test('a guest cannot write the log’s words: only a whole line of QEMU’s counts', async (t) => {
  const cpuLog = 'CPU Reset (CPU 0)\nxTriple fault\nTriple faults\n';
  t.match(causeOfDeath({ end: reset, accelerator: 'tcg', cpuLog }), { kind: 'guest-reset' });
});

t.test('an accelerator’s failure under TCG is QEMU’s own', async (t) => {
  t.match(causeOfQemuExit('kvm: no such file', 'tcg'), { kind: 'qemu-error' });
  t.match(causeOfQemuExit('error: failed to set MSR 0x38d', 'kvm'), { kind: 'accelerator-error' });
});

const death = (cause: DeathCause, rest: Partial<Death> = {}): Death => ({
  ...cause,
  ...{ lastLandmark: 'loaded', phase: 'subject', cpu: CPU, pc: CPU.pc, place: 'start+0x4' },
  ...(rest as object),
});

t.test('one line says what and where', async (t) => {
  t.equal(
    deathText(death({ kind: 'triple-fault' })),
    'triple fault at 0x00001000 (start+0x4), 32-bit, paging off, interrupts off',
  );
  t.equal(deathText(death({ kind: 'qemu-error', text: 'out of memory' })), 'QEMU failed: out of memory');
  const nothing = { cpu: undefined, pc: undefined, place: undefined };
  t.equal(deathText(death({ kind: 'unknown-hang' }, nothing)), 'hang of unknown cause');
  const exception = { vector: 13, description: '#GP - General Protection', pc: 0x10n, image: undefined };
  const named = { ...exception, image: { name: 'Shell.dll', base: 0n } };
  t.match(
    deathText(death({ kind: 'firmware-exception', exception })),
    /^firmware exception 0x0d \(#GP .*\), in no firmware image at/,
  );
  t.match(deathText(death({ kind: 'firmware-exception', exception: named })), /, in Shell.dll at/);
});
