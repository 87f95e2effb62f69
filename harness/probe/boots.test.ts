/** CLAIM: each variant of the probe, booted by the real GRUB, says what GRUB said and what its image file holds. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import crc32 from 'crc-32';
import t, { type Test } from 'tap';
import { parseElf } from '../elf/elf-image.ts';
import { findTag, parseBootInformation } from '../multiboot2/boot-information.ts';
import { parseMultiboot2Header } from '../multiboot2/image-header.ts';
import { loadedImage } from '../multiboot2/loaded-image.ts';
import { MULTIBOOT2_ENTRY_MAGIC } from '../multiboot2/magic.ts';
import { forcedWindow, relocatableTag, withRelocatableTag } from '../multiboot2/relocatable-tag.ts';
import { specimenBuild } from '../specimen/build.ts';
import { PROBE_VARIANT_BITS, type ProbeVariant } from '../specimen/probe-variants.ts';
import { readProbeRecord } from './read-record.ts';
import type { ProbeEntry, ProbeFault, ProbeRecord } from './record.ts';
import { bootProbe, type ProbeBoot, type ProbeBooted } from './testdata/probe-boot.ts';

t.jobs = 2;

/** ELF32: where the program headers are when nothing is between, and fields in one (System V ABI). */
const [PROGRAM_HEADERS, PROGRAM_HEADER_SIZE, P_FILESZ, P_MEMSZ] = [52, 32, 16, 20];
const folder = t.testdir({ cache: {} });
const specimen = specimenBuild('probe', { cacheRoot: join(folder, 'cache'), onProgress: () => {} });

interface Booting {
  readonly firmware?: 'bios' | 'efi';
  readonly base?: number;
  readonly memoryMib?: number;
  readonly until?: ProbeBoot['until'];
}

interface Booted extends ProbeBooted {
  readonly image: Uint8Array;
}

/** One argument, and at `base` where that is given. */
async function boot(
  variant: ProbeVariant,
  { firmware = 'bios', base, until = 'record', memoryMib = 256 }: Booting = {},
): Promise<Booted> {
  const built = readFileSync((await specimen).images.get(variant)!);
  const { loadSize } = loadedImage(parseElf(built));
  const image = base === undefined ? built : withRelocatableTag(built, forcedWindow(base, loadSize, 0x1000));
  const name = [variant, firmware, base?.toString(16) ?? 'any'].join('-');
  return {
    ...(await bootProbe({ firmware, image, arguments: name, until, memoryMib }, folder, name)),
    image,
  };
}

/** The record, held against the loader's words and the image file. */
function agrees(t: Test, booted: Booted, entry: ProbeEntry, argument: string): ProbeRecord {
  const { record: boot, image } = booted;
  t.match(boot.end, { kind: 'subject', meaning: 'expected' });
  const reading = readProbeRecord(boot.subjectLines);
  if (reading.kind !== 'record') throw new Error(`${reading.kind}: ${reading.detail}`);
  const { record } = reading;
  const elf = parseElf(image);
  const { linkBase, segments } = loadedImage(elf);
  t.equal(record.entry, entry);
  t.equal(record.linkBase, linkBase);
  t.equal(record.runBase, boot.loader?.loadBase, 'where GRUB says it put the image');
  t.strictSame(
    record.segments,
    segments.map(({ offset, paddr, filesz, memsz }) => ({
      run: record.runBase + Number(paddr) - linkBase,
      link: Number(paddr),
      filesz,
      memsz,
      crc32: crc32.buf(image.subarray(offset, offset + filesz)) >>> 0,
      nonzeroBss: 0,
    })),
  );
  t.equal(record.registers.rax, BigInt(MULTIBOOT2_ENTRY_MAGIC));
  t.equal(record.informationAddress, record.registers.rbx);
  const information = parseBootInformation(record.information);
  t.equal(information.totalSize, record.information.length);
  t.match(findTag(information, 'commandLine'), { commandLine: argument });
  const relocatable = relocatableTag(parseMultiboot2Header(image)) !== undefined;
  t.equal(boot.loader?.relocatable, relocatable);
  t.equal(findTag(information, 'loadBaseAddress')?.address, record.runBase);
  t.equal(record.a20, true);
  if (entry === 'multiboot32') isThirtyTwoBit(t, record);
  else t.equal(record.efer! & 0x500n, 0x500n, 'EFER.LME and EFER.LMA');
  return record;
}

/** Multiboot2 specification 2.0 §3.3: protected mode, paging off, flat segments, interrupts off. */
function isThirtyTwoBit(t: Test, { cr0, flags, selectors, registers }: ProbeRecord): void {
  t.equal(cr0 & 0x8000_0001n, 1n);
  t.equal(flags & 0x2_0200n, 0n);
  t.not(selectors.cs, selectors.ds);
  t.notOk('r8' in registers);
}

const { segments, highVaddr, largeBss, noBootServices, fixed } = PROBE_VARIANT_BITS;
const HONEST = [
  ['probe', 0],
  ['probe-segments', segments],
  ['probe-high-vaddr', highVaddr],
  ['probe-segments-high-vaddr', segments | highVaddr],
  ['probe-large-bss', largeBss],
  ['probe-no-boot-services', noBootServices],
  ['probe-fixed', fixed],
] as const;

for (const [variant, word] of HONEST)
  t.test(`${variant} on SeaBIOS`, async (t) => {
    const booted = await boot(variant);
    const record = agrees(t, booted, 'multiboot32', `${variant}-bios-any`);
    t.equal(record.variant, word);
    t.comment(`record: ${Math.round(booted.reportingMs)} ms, all: ${Math.round(booted.loadingMs)} ms before`);
  });

/** The last: its addresses have the sign bit set, and it lies above the first 2 GiB. */
const ODD_PLACES = [0x31_7000, 0xdf1_2000, 0x7fff_f000, 0x9123_4000];

t.test('the probe runs at odd places, at both entries', async (t) => {
  const variant = 'probe-segments-high-vaddr';
  const runsAt = async (base: number, firmware: 'bios' | 'efi', entry: ProbeEntry) => {
    const booted = await boot(variant, { base, firmware, memoryMib: 2560 });
    const record = agrees(t, booted, entry, `${variant}-${firmware}-${base.toString(16)}`);
    t.equal(record.runBase, base);
  };
  for (const base of ODD_PLACES) await runsAt(base, 'bios', 'multiboot32');
  await runsAt(ODD_PLACES.at(-1)!, 'efi', 'efi64');
});

for (const [variant, entry] of [
  ['probe', 'efi64'],
  ['probe-no-boot-services', 'multiboot32'],
] as const)
  t.test(`${variant} on OVMF`, async (t) => {
    const record = agrees(t, await boot(variant, { firmware: 'efi' }), entry, `${variant}-efi-any`);
    const information = parseBootInformation(record.information);
    t.equal(findTag(information, 'efiBootServicesNotTerminated') !== undefined, entry === 'efi64');
  });

t.test('a loader that clears too little, or too much, is found out', async (t) => {
  const { images } = await specimen;
  const edited = (variant: ProbeVariant, segment: number, field: number, more: number) => {
    const image = readFileSync(images.get(variant)!);
    const at = PROGRAM_HEADERS + segment * PROGRAM_HEADER_SIZE + field;
    image.writeUInt32LE(image.readUInt32LE(at) + more, at);
    return image;
  };
  const read = async (image: Uint8Array, name: string) => {
    const { record } = await bootProbe({ firmware: 'bios', image, until: 'record' }, folder, name);
    const reading = readProbeRecord(record.subjectLines);
    return reading.kind === 'record' ? reading.record.segments : reading.detail;
  };
  const dirty = edited('probe', 0, P_FILESZ, 300);
  const [whole] = loadedImage(parseElf(dirty)).segments;
  const beyond = dirty.subarray(whole!.offset + whole!.filesz - 300, whole!.offset + whole!.filesz);
  t.match(await read(dirty, 'dirty'), [{ nonzeroBss: beyond.filter((byte) => byte !== 0).length }]);

  const cleared = edited('probe-segments', 3, P_MEMSZ, 10);
  const [tail] = loadedImage(parseElf(cleared)).segments;
  const left = Buffer.from(cleared.subarray(tail!.offset, tail!.offset + tail!.filesz)).fill(0, 0, 10);
  t.match(await read(cleared, 'cleared'), [{ crc32: crc32.buf(left) >>> 0 }, {}, {}, { nonzeroBss: 0 }]);
});

t.test('a CPU without long mode', async (t) => {
  const image = readFileSync((await specimen).images.get('probe')!);
  const machine = { firmware: 'bios', cpuFeatures: ['lm=off'], until: 'record' } as const;
  const { record } = await bootProbe({ ...machine, image }, folder, 'no-long-mode');
  t.match(readProbeRecord(record.subjectLines), { kind: 'record', record: { efer: undefined } });
});

t.test('A20 off', async (t) => {
  const [base, image] = [0x20_0000, readFileSync((await specimen).images.get('probe')!)];
  const { entry, loadSize } = loadedImage(parseElf(image));
  const booted = await bootProbe(
    {
      firmware: 'bios',
      image: withRelocatableTag(image, forcedWindow(base, loadSize, 0x1000)),
      until: 'record',
      atEntry: {
        address: entry,
        // Port 0x92 bit 1 is the fast A20 gate.
        act: async ({ machine }) => {
          await machine.qmp.execute('human-monitor-command', { 'command-line': 'o /b 0x92 0' });
        },
      },
    },
    folder,
    'a20',
  );
  t.match(readProbeRecord(booted.record.subjectLines), { kind: 'record', record: { a20: false } });
});

const LIARS: readonly (readonly [ProbeVariant, ProbeFault, RegExp, object])[] = [
  ['probe-garbage', 'garbage', /no record begins/, { kind: 'still' }],
  ['probe-half', 'cut', /no end; the last of its 17 lines is "probe i 0040 [0-9a-f]{32}"/, { kind: 'still' }],
  ['probe-wrong-checksum', 'checksum', /its \d+ lines have CRC-32/, { kind: 'still' }],
  [
    'probe-endless',
    'cut',
    /it has no end; the last of its \d{4} lines/,
    { kind: 'console', state: 'flooded' },
  ],
  ['probe-twice', 'several', /^2 records begin and 2 end/, { kind: 'still' }],
  ['probe-silent', 'absent', /nothing was said|nothing of the probe/, { kind: 'still' }],
];

for (const [variant, kind, detail, end] of LIARS)
  t.test(`${variant} is not believed`, async (t) => {
    const { record } = await boot(variant, { until: 'still' });
    t.match(record.end, end);
    t.match(readProbeRecord(record.subjectLines), { kind, detail });
  });
