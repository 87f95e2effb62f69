/**
 * CLAIM: with nothing but a machine profile Xen's early boot ends in the model as it was recorded on the machine: all registers
 * and every byte of the image, at both bases, also with a profile made at the other base alone. One wrong byte in a profile is
 * noticed.
 */
import t from 'tap';
import { encodeHex, hex } from '../bits/hex.ts';
import { outsideOf } from '../replay/free-run.ts';
import { rangesThatAre } from '../replay/known-runs.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import type { MemoryRun } from '../trace/record.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField, STATE_FIELDS } from '../x86/state/state-layout.ts';
import { captureOf, entryMemory } from './capture.ts';
import { entryState } from './entry-state.ts';
import { UnansweredError } from './machine-inputs.ts';
import type { MachineProfile } from './machine-profile.ts';
import { observe, profileOfTraces } from './profile-of-trace.ts';
import {
  type Golden,
  goldenEnd,
  goldenProfile,
  goldenTrace,
  imageDifferences,
  lowMemoryDifferences,
  profileRun,
} from './testdata/profile-run.ts';

const BASES = ['0x03e00000', '0x80000000'] as const;
/** Xen’s boot_tsc_stamp; the upper half was the same in all captures. */
const BOOT_TSC_STAMP = 'image+0x26a850, 4 bytes';
const store = new CodeStore(await loadDisassembler());
const { image } = await goldenTrace('bios', BASES[0]);
const needsImage = image
  ? {}
  : { skip: 'the image built here is another than when the traces were promoted' };

function fieldDifferences(ours: Int32Array, theirs: Int32Array): string[] {
  return STATE_FIELDS.filter(({ name }) => readField(ours, name) !== readField(theirs, name)).map(
    ({ name }) =>
      `${name}: ${readField(ours, name).toString(16)}, recorded ${readField(theirs, name).toString(16)}`,
  );
}

/** Without what the firmware had answered before it was read first, e.g. the memory map. */
async function entryMemoryOf({ bytes, image }: Golden): Promise<MemoryRun[]> {
  const capture = await captureOf({ bytes, image: image! }, store);
  return entryMemory(capture.trimmed, observe(capture, new PhysicalMemory('unknown'), store).calls.places);
}

function holds(memory: PhysicalMemory, { address, bytes }: MemoryRun): boolean {
  const range = { address, sizeBytes: bytes.length };
  return (
    rangesThatAre('unknown', memory, range).length === 0 &&
    Buffer.compare(memory.read(address, bytes.length), bytes) === 0
  );
}

const runText = ({ address, bytes }: MemoryRun): string => `${hex(address)}: ${encodeHex(bytes)}`;

function differencesAtEnd(profile: MachineProfile, golden: Golden): string[] {
  const ours = profileRun(profile, golden, store);
  if (ours.stopped)
    return [
      JSON.stringify(ours.stopped, (_, value: unknown) =>
        typeof value === 'bigint' ? value.toString(16) : value,
      ),
    ];
  const theirs = goldenEnd(golden, store);
  return [
    ...fieldDifferences(ours.cpu.state(), theirs.state()),
    ...imageDifferences(golden, ours.cpu, theirs),
    ...lowMemoryDifferences(ours.cpu, theirs),
  ];
}

for (const firmware of ['bios', 'efi'] as const) {
  t.test(firmware, needsImage, async (t) => {
    const profile = goldenProfile(firmware);
    const [first, second] = [await goldenTrace(firmware, BASES[0]), await goldenTrace(firmware, BASES[1])];
    for (const golden of [first, second]) {
      const { loadBase } = golden.trace.header.subject;
      const at = `at 0x${loadBase.toString(16)}`;
      const entry = entryState(profile, parseBootImage(golden.image!), loadBase);
      const { initial } = outsideOf(golden.trace);
      t.same(fieldDifferences(entry.words, initial), [], `entry registers ${at}`);
      t.same([...entry.words], [...initial], `all words ${at}`);
      const memory = new PhysicalMemory('unknown');
      for (const run of entry.memory) memory.load(run.address, run.bytes);
      const captured = await entryMemoryOf(golden);
      t.ok(captured.length > 20);
      t.same(captured.filter((run) => !holds(memory, run)).map(runText), [], `entry memory ${at}`);
      t.same(differencesAtEnd(profile, golden), [], `the end ${at}`);
    }
  });
  t.test(`${firmware}, of one base alone`, needsImage, async (t) => {
    const [first, second] = [await goldenTrace(firmware, BASES[0]), await goldenTrace(firmware, BASES[1])];
    for (const [here, there] of [
      [first, second],
      [second, first],
    ] as const) {
      const profile = await profileOfTraces([{ bytes: here.bytes, image: here.image! }], store, {
        ...{ name: firmware, again: '', madeAt: new Date(0) },
      });
      t.same(
        differencesAtEnd(profile, there),
        [BOOT_TSC_STAMP],
        'all but the time, which no two boots have in common',
      );
    }
  });
}

const spoilers: readonly [
  what: string,
  firmware: 'bios' | 'efi',
  spoil: (profile: MachineProfile) => MachineProfile,
][] = [
  ['a byte of the E820 map', 'bios', (profile) => spoiledWrite(profile, /AX=0xe820, EBX=0x3/)],
  [
    'a byte of the EFI memory map',
    'efi',
    (profile) => spoiledWrite(profile, /GetMemoryMap\(pointer to 0x1b00/, 'argument 2'),
  ],
  [
    'the time',
    'bios',
    (profile) => ({ ...profile, cpu: { ...profile.cpu, timestamps: [{ loadBase: 0, answers: [1n] }] } }),
  ],
  [
    'a leaf of CPUID',
    'efi',
    (profile) => ({ ...profile, cpu: { ...profile.cpu, cpuid: profile.cpu.cpuid.slice(1) } }),
  ],
  ['the BIOS data area', 'bios', (profile) => ({ ...profile, memory: profile.memory.map(spoiledAt(0x40e)) })],
  [
    'a register at entry',
    'bios',
    (profile) => ({ ...profile, entry: { ...profile.entry, fields: { ...profile.entry.fields, rax: 1n } } }),
  ],
  [
    'the firmware’s answer to a question',
    'efi',
    (profile) => ({ ...profile, replies: profile.replies.slice(1) }),
  ],
];

function spoiledWrite(profile: MachineProfile, question: RegExp, through?: string): MachineProfile {
  return {
    ...profile,
    replies: profile.replies.map((reply) =>
      question.test(reply.question)
        ? {
            ...reply,
            writes: reply.writes.map((each) =>
              through === undefined || each.through === through ? spoiledByte(each) : each,
            ),
          }
        : reply,
    ),
  };
}

function spoiledByte<T extends { readonly bytes: Uint8Array }>(run: T): T {
  return { ...run, bytes: run.bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)) };
}

const spoiledAt =
  (address: number) =>
  (run: MemoryRun): MemoryRun => {
    const index = address - run.address;
    return { ...run, bytes: run.bytes.map((byte, at) => (at === index ? byte ^ 0x40 : byte)) };
  };

t.test('what is wrong in a profile is noticed', needsImage, async (t) => {
  for (const [what, firmware, spoil] of spoilers) {
    const golden = await goldenTrace(firmware, BASES[0]);
    let noticed: string[];
    try {
      noticed = differencesAtEnd(spoil(goldenProfile(firmware)), golden);
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error;
      noticed = [error.message];
    }
    t.not(noticed.length, 0, what);
    t.comment(noticed.slice(0, 3).join('; '));
  }
});

t.test('the machine with 512 MiB, too', needsImage, async (t) => {
  const golden = await goldenTrace('efi', BASES[0]);
  const { calls, stopped } = profileRun(goldenProfile('efi-512'), golden, store);
  t.same([calls, stopped], [74, undefined]);
});

t.test('a misaligned base: Xen says so, on the serial line', needsImage, async (t) => {
  for (const firmware of ['bios', 'efi'] as const) {
    const { stopped, inputs } = profileRun(
      goldenProfile(firmware),
      misplaced(await goldenTrace(firmware, BASES[0])),
      store,
    );
    t.match(stopped, { kind: 'halted' }, firmware);
    t.equal(inputs.serialText, 'ERR: Xen must be loaded at a 2Mb boundary!', firmware);
  }
});

/** The same boot 4 KiB higher. */
function misplaced(golden: Golden): Golden {
  const header = structuredClone(golden.trace.header);
  const subject = header.subject as { loadBase: number; segments: { physicalAddress: number }[] };
  subject.loadBase += 0x1000;
  for (const segment of subject.segments) segment.physicalAddress += 0x1000;
  for (const range of header.inside as { start: bigint; end: bigint; what: string }[])
    if (range.what === 'the image') [range.start, range.end] = [range.start + 0x1000n, range.end + 0x1000n];
  const trace = new TraceReader(golden.bytes);
  Object.defineProperty(trace, 'header', { value: header });
  return { ...golden, trace };
}
