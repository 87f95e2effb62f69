import t from 'tap';
import type { CpuState } from './cpu-state.ts';
import { isFirmwares, placeOf } from './place.ts';
import { stillness, type Sample } from './stillness.ts';

const cpu = (more: Partial<CpuState> = {}): CpuState => ({
  ...{ base: 0n, bitness: 32, pc: 0x400010n, stackPointer: 0x9f000n, interrupts: false },
  ...{ halted: false, paging: false, faultAddress: 0n, registers: {} },
  ...more,
});
/** Looks every 150 ms at a CPU that has the host to itself. */
const looks = (count: number, of: (n: number) => Partial<CpuState>, ranMs = 150): Sample[] =>
  Array.from({ length: count }, (_, n) => ({ atMs: n * 150, usedCpuMs: n * ranMs, cpu: cpu(of(n)) }));
const everywhere = () => true;

t.test('hlt with interrupts off is seen at the second look', async (t) => {
  const halted = { halted: true };
  t.equal(stillness([], everywhere), undefined);
  t.equal(
    stillness(
      looks(1, () => halted),
      everywhere,
    ),
    undefined,
  );
  t.match(
    stillness(
      looks(2, () => halted),
      everywhere,
    ),
    { kind: 'halted' },
  );
  t.match(
    stillness(
      looks(2, () => halted),
      () => false,
    ),
    { kind: 'halted' },
    'whosever code it is',
  );
  const waits = { halted: true, interrupts: true };
  t.equal(
    stillness(
      looks(50, () => waits),
      everywhere,
    ),
    undefined,
    'an idle guest waits with interrupts on',
  );
  t.equal(
    stillness(
      looks(2, (n) => ({ halted: true, pc: BigInt(n) })),
      everywhere,
    ),
    undefined,
    'it woke',
  );
});

t.test('a loop of a few instructions, after a second', async (t) => {
  const loop = (n: number) => ({ pc: 0x400010n + BigInt((n % 3) * 8) });
  t.equal(stillness(looks(6, loop), everywhere), undefined);
  t.match(stillness(looks(8, loop), everywhere), { kind: 'looping' });
  // What came before does not count against it.
  t.match(stillness([...looks(3, () => ({ pc: 5n })), ...looks(8, loop)], everywhere), { kind: 'looping' });
});

t.test('what is no tight loop', async (t) => {
  const cases: [why: string, samples: Sample[], isGuests?: () => boolean][] = [
    ['interrupts are on', looks(20, () => ({ interrupts: true }))],
    ['it was on in between', looks(12, (n) => ({ interrupts: n === 6 }))],
    ['the window is too wide', looks(20, (n) => ({ pc: 0x400000n + BigInt(n % 4) * 30n }))],
    ['the stack moves', looks(20, (n) => ({ stackPointer: BigInt(n % 2) }))],
    ['the CPU had no turn on a busy host', looks(20, () => ({}), 5)],
    ['the firmware may wait', looks(20, () => ({})), () => false],
  ];
  for (const [why, samples, isGuests = everywhere] of cases)
    t.equal(stillness(samples, isGuests), undefined, why);
  const untold = looks(8, () => ({})).map((sample) => ({ ...sample, usedCpuMs: undefined }));
  t.match(stillness(untold, everywhere), { kind: 'looping' }, 'where the host does not tell, time counts');
});

const MAP = [
  { start: 0, end: 0x9fc00, use: 'free', label: 'available RAM' },
  { start: 0xf0000, end: 0x100000, use: 'reserved', label: 'reserved RAM' },
  { start: 0x100000, end: 0x800000, use: 'free', label: 'conv-mem' },
  { start: 0x800000, end: 0x900000, use: 'boot-services', label: 'BS-code' },
  { start: 0x900000, end: 0xa00000, use: 'loader', label: 'ldr-code' },
  { start: 0xa00000, end: 0xb00000, use: 'reserved', label: 'RT-code' },
] as const;

t.test('whose code it is', async (t) => {
  const firmwares = [0xc0000n, 0xfffffn, 0xfffffff0n, 0x800000n, 0xa00000n, 0xc00000n];
  for (const pc of firmwares) t.ok(isFirmwares(pc, MAP), pc.toString(16));
  const guests = [0x8f000n, 0x200000n, 0x900000n, 0xffff82d040200000n];
  for (const pc of guests) t.notOk(isFirmwares(pc, MAP), pc.toString(16));
  t.ok(isFirmwares(0x200000n, undefined), 'without a map it may be the firmware’s');
});

t.test('places in words', async (t) => {
  const symbolise = (pc: bigint) => (pc === 0x200000n ? '_start' : undefined);
  const at = (pc: bigint, phase: 'loader' | 'subject' = 'subject', memoryMap: typeof MAP | undefined = MAP) =>
    placeOf(pc, { phase, memoryMap, symbolise });
  t.equal(at(0x200000n), '_start');
  t.equal(at(0x200000n, 'loader'), 'GRUB', 'the subject is not there yet');
  t.equal(at(0x200001n), 'memory that was free (from 0x00100000)');
  t.equal(at(0x900010n), 'GRUB (ldr-code)');
  t.equal(at(0x800010n), 'the firmware (BS-code)');
  t.equal(at(0xa00010n), 'the firmware (RT-code)');
  t.equal(at(0xf1234n), 'the BIOS below 1 MiB');
  t.equal(at(0xc1234n), 'an option ROM');
  t.equal(at(0xfffffff0n), 'the firmware’s flash');
  t.equal(at(0xd00000n), 'no memory of the map');
  t.equal(placeOf(0x1000n, { phase: 'loader', memoryMap: undefined, symbolise }), 'GRUB or the firmware');
  t.equal(at(0xffff82d040200000n), 'no known place');
});
