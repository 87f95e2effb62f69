/** CLAIM: whatever the probe says otherwise than the harness saw it is told, by name, and nothing else is. */
import t from 'tap';
import type { MachineState, SegmentState } from '../multiboot2/machine-state-rules.ts';
import { readProbeRecord } from './read-record.ts';
import { checkRecord, type SeenAtEntry } from './record-checks.ts';
import type { ProbeRecord } from './record.ts';
import { recorded } from './testdata/recorded.ts';

type Changing<T> = { -readonly [K in keyof T]: T[K] };

function recordOf(firmware: 'bios' | 'efi'): ProbeRecord {
  const reading = readProbeRecord(recorded(firmware));
  if (reading.kind !== 'record') throw new Error(reading.detail);
  return reading.record;
}

/** What a harness sees where the record is true. */
function seenWith(record: ProbeRecord): SeenAtEntry {
  const segment = (selector: number): SegmentState => ({ selector, base: 0n, limit: 0xffff_ffff, flags: 0 });
  const { cs, ds, es, fs, gs, ss } = record.selectors;
  const state: MachineState = {
    general: { ...record.registers, rip: 0x10_0000n },
    rflags: record.flags,
    segments: {
      ...{ cs: segment(cs), ds: segment(ds), es: segment(es) },
      ...{ fs: segment(fs), gs: segment(gs), ss: segment(ss) },
    },
    ...{ gdtr: record.gdtr, idtr: record.idtr, cr0: record.cr0, cr4: record.cr4 },
    ...{ efer: record.efer ?? 0n, a20: true },
  };
  return {
    ...{ entry: record.entry, runBase: record.runBase, linkBase: record.linkBase, state, cr3: record.cr3 },
    informationAddress: Number(record.informationAddress),
    information: record.information,
    segments: record.segments.map(({ nonzeroBss: _, ...segmentSeen }) => segmentSeen),
  };
}

const [bios, efi] = [recordOf('bios'), recordOf('efi')];

/** The first segment told otherwise. */
const segment = (change: Partial<ProbeRecord['segments'][number]>) => (record: ProbeRecord) => ({
  segments: record.segments.map((one, i) => (i === 0 ? { ...one, ...change } : one)),
});
const changedByte = ({ information }: ProbeRecord, at: number) =>
  information.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** What is told otherwise, and what is said of it. */
const LIES: readonly (readonly [
  what: string,
  lie: (record: ProbeRecord) => Partial<Changing<ProbeRecord>>,
  said: RegExp,
])[] = [
  ['entry', () => ({ entry: 'efi64' }), /^entry: it says efi64, seen is multiboot32$/],
  [
    'run base',
    () => ({ runBase: 0x20_0000 }),
    /^the base it runs at: it says 0x00200000, seen is 0x00100000$/,
  ],
  ['link base', () => ({ linkBase: 1 }), /^its link base: it says 0x00000001, seen is 0x00200000$/],
  ['flags', () => ({ flags: 0x246n }), /^RFLAGS: it says 0x00000246, seen is 0x00000046$/],
  ['CR0', () => ({ cr0: 0x8000_0011n }), /^CR0: it says 0x80000011, seen is 0x00000011$/],
  ['CR3', () => ({ cr3: 0x1000n }), /^CR3: it says 0x00001000, seen is 0x00000000$/],
  ['CR4', () => ({ cr4: 0x20n }), /^CR4: it says 0x00000020, seen is 0x00000000$/],
  ['EFER', () => ({ efer: 0x500n }), /^EFER: it says 0x00000500, seen is 0x00000000$/],
  ['GDT base', ({ gdtr }) => ({ gdtr: { ...gdtr, base: 0n } }), /^GDTR base: it says 0x00000000, .*10b0$/],
  ['GDT limit', ({ gdtr }) => ({ gdtr: { ...gdtr, limit: 0x1f } }), /^GDTR limit: it says 0x0000001f, .*20$/],
  ['IDT base', ({ idtr }) => ({ idtr: { ...idtr, base: 8n } }), /^IDTR base: it says 0x00000008, .*0$/],
  ['IDT limit', ({ idtr }) => ({ idtr: { ...idtr, limit: 8 } }), /^IDTR limit: it says 0x00000008, .*0$/],
  ['A20', () => ({ a20: false }), /^A20 is off, it says$/],
  [
    'where a segment runs',
    segment({ run: 0x11_0000 }),
    /^segment 0 runs at: it says 0x00110000, seen is 0x0010/,
  ],
  [
    'where a segment is linked',
    segment({ link: 0 }),
    /^segment 0 is linked at: it says 0x00000000, seen is 0x0020/,
  ],
  ['its bytes in the file', segment({ filesz: 0x1448 }), /^segment 0, bytes in the file: .*1448, .*1449$/],
  ['its bytes in memory', segment({ memsz: 0x1_144a }), /^segment 0, bytes in memory: .*1144a, .*11449$/],
  [
    'its checksum',
    segment({ crc32: 1 }),
    /^segment 0 is not what the file holds: CRC-32 0x00000001, not 0x3f83ada7$/,
  ],
  ['its BSS', segment({ nonzeroBss: 3 }), /^segment 0: 3 of 65536 bytes of BSS are not zero$/],
  ['no segments', () => ({ segments: [] }), /^it has 0 segments, the file 1$/],
  [
    'a segment too many',
    ({ segments }) => ({ segments: [...segments, ...segments] }),
    /^it has 2 segments, the file 1$/,
  ],
  [
    'where the information is',
    () => ({ informationAddress: 0x1000n }),
    /^boot information address: it says 0x00001000, seen is 0x00111bd0$/,
  ],
  [
    'the first byte of it',
    (record) => ({ information: changedByte(record, 0) }),
    /^boot information differs from what stands in memory from byte 0 on$/,
  ],
  [
    'the last byte of it',
    (record) => ({ information: changedByte(record, record.information.length - 1) }),
    /from byte 727 on$/,
  ],
  [
    'more of it than there is',
    ({ information }) => ({ information: Uint8Array.from([...information, 0]) }),
    /^bytes of boot information: it says 0x000002d9, seen is 0x000002d8$/,
  ],
];

t.test('a true record is one observation, whichever the entry', async (t) => {
  t.match(checkRecord(bios, seenWith(bios)), [
    {
      ok: true,
      text: /^it runs at 0x00100000, its 1 segments as in the file.* 728 bytes of boot information/,
    },
  ]);
  const observations = checkRecord(efi, seenWith(efi));
  t.equal(observations.length, 1);
  t.match(observations, [{ ok: true }]);
});

for (const [what, lie, said] of LIES)
  t.test(`told otherwise: ${what}`, async (t) => {
    const observations = checkRecord({ ...bios, ...lie(bios) }, seenWith(bios));
    t.equal(observations.length, 1, observations.map(({ text }) => text).join('; '));
    t.match(observations, [{ ok: false, text: said }]);
  });

t.test('every general register of both entries, and every selector', async (t) => {
  for (const record of [bios, efi])
    for (const name of Object.keys(record.registers) as (keyof ProbeRecord['registers'])[]) {
      const value = (record.registers[name] ?? 0n) ^ 1n;
      const told = checkRecord(
        { ...record, registers: { ...record.registers, [name]: value } },
        seenWith(record),
      );
      t.strictSame(
        told.map(({ ok, text }) => [ok, text.split(':')[0]]),
        [[false, name]],
      );
    }
  for (const name of Object.keys(bios.selectors) as (keyof ProbeRecord['selectors'])[]) {
    const told = checkRecord({ ...bios, selectors: { ...bios.selectors, [name]: 0x99 } }, seenWith(bios));
    t.match(told, [{ ok: false, text: new RegExp(`^${name}: it says 0x00000099, seen is `) }]);
    t.equal(told.length, 1);
  }
});

t.test('a byte that stands in memory and not in the record', async (t) => {
  const information = bios.information.subarray(0, -1);
  const told = checkRecord({ ...bios, information }, seenWith(bios));
  t.match(told, [
    { ok: false, text: /^bytes of boot information: it says 0x000002d7, seen is 0x000002d8$/ },
    { ok: false, text: /from byte 727 on$/ },
  ]);
});

t.test('the stack is promised at the EFI amd64 entry only', async (t) => {
  t.match(checkRecord({ ...efi, stackModulo: 8 }, seenWith(efi)), [
    { ok: false, text: 'its stack pointer modulo 16 is 8 at the EFI amd64 entry' },
  ]);
  t.match(checkRecord({ ...bios, stackModulo: 8 }, seenWith(bios)), [{ ok: true }]);
});

t.test('what a CPU does not have is not asked for', async (t) => {
  t.match(checkRecord({ ...bios, efer: undefined }, seenWith(bios)), [{ ok: true }], 'no long mode');
  t.match(
    checkRecord({ ...bios, cr0: bios.cr0 ^ 0x10n }, seenWith(bios)),
    [{ ok: true }],
    'CR0.ET, hard-wired',
  );
  const wide = { ...bios, informationAddress: bios.informationAddress | (1n << 40n) };
  t.match(checkRecord(wide, seenWith(bios)), [{ ok: true }], 'the upper half of RBX is undefined');
});

t.test('many lies at once are told each', async (t) => {
  const told = checkRecord({ ...bios, runBase: 0, cr4: 1n, a20: false }, seenWith(bios));
  t.equal(told.length, 3);
  t.ok(told.every(({ ok }) => !ok));
});
