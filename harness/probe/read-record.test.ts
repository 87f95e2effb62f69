/** CLAIM: a record is believed where it is what the probe sent, whole, once; anything else is given its kind of fault. */
import crc32 from 'crc-32';
import t, { type Test } from 'tap';
import { findTag, parseBootInformation } from '../multiboot2/boot-information.ts';
import { MULTIBOOT2_ENTRY_MAGIC } from '../multiboot2/magic.ts';
import { readProbeRecord } from './read-record.ts';
import { PROBE_BEGIN, PROBE_END, type ProbeFault, type ProbeRecord } from './record.ts';
import { recorded, sealed } from './testdata/recorded.ts';

const bios = recorded('bios');
const efi = recorded('efi');
const start = bios.findIndex((line) => PROBE_BEGIN.test(line));
const body = bios.slice(start, -1);

function believed(t: Test, lines: readonly string[]): ProbeRecord {
  const reading = readProbeRecord(lines);
  if (reading.kind === 'record') return reading.record;
  t.fail(`${reading.kind}: ${reading.detail}`);
  throw new Error('no record');
}

function refused(t: Test, lines: readonly string[], kind: ProbeFault, detail: RegExp): void {
  t.match(readProbeRecord(lines), { kind, detail }, `${kind} ${detail}`);
}

/** The record with the lines that match replaced, and a checksum that fits. */
const resealed = (pattern: RegExp, text: string) => sealed(body.map((line) => line.replace(pattern, text)));

t.test('the checksum is zlib’s: the catalogue’s check value', async (t) => {
  t.equal(crc32.buf(Buffer.from('123456789')) >>> 0, 0xcbf4_3926);
});

t.test('the record of a boot on SeaBIOS', async (t) => {
  const record = believed(t, bios);
  t.match(record, {
    entry: 'multiboot32',
    variant: 0,
    runBase: 0x10_0000,
    linkBase: 0x20_0000,
    registers: { rax: BigInt(MULTIBOOT2_ENTRY_MAGIC), rsp: 0x7_ff00n },
    flags: 0x46n,
    selectors: { cs: 0x10, ds: 0x18, es: 0x18, fs: 0x18, gs: 0x18, ss: 0x18 },
    gdtr: { base: 0x10b0n, limit: 0x20 },
    idtr: { base: 0n, limit: 0 },
    a20: true,
    stackModulo: 0,
    ...{ cr0: 0x11n, cr3: 0n, cr4: 0n, efer: 0n },
    segments: [{ run: 0x10_0000, link: 0x20_0000, filesz: 0x1449, memsz: 0x1_1449, nonzeroBss: 0 }],
    informationSize: 0x2d8,
  });
  t.notOk('r8' in record.registers);
  t.equal(record.informationAddress, record.registers.rbx);
  const information = parseBootInformation(record.information);
  t.equal(information.totalSize, record.information.length);
  t.match(findTag(information, 'commandLine'), { commandLine: 'hello world' });
  t.match(findTag(information, 'loadBaseAddress'), { address: 0x10_0000 });
});

t.test('the record of a boot on OVMF, after a word of GRUB’s', async (t) => {
  const record = believed(t, efi);
  t.match(record, {
    entry: 'efi64',
    registers: { rax: BigInt(MULTIBOOT2_ENTRY_MAGIC), r8: 0x867_3000n, r15: 0xe10_faa0n },
    flags: 0x20_0206n,
    gdtr: { base: 0xf5d_b000n, limit: 0x47 },
    efer: 0xd00n,
  });
  const information = parseBootInformation(record.information);
  t.ok(findTag(information, 'efiBootServicesNotTerminated'));
});

t.test('a CPU without long mode has no EFER', async (t) => {
  t.equal(believed(t, sealed(body.filter((line) => !line.includes('efer')))).efer, undefined);
});

t.test('every flip of one bit in a record is noticed', async (t) => {
  const small = sealed(
    body
      .filter((line) => !/^probe i 0[^0]|^probe i 00[^0]/.test(line))
      .map((line) => line.replace(/size=000002d8 shown=000002d8/, 'size=00000020 shown=00000020')),
  );
  believed(t, small);
  const missed: string[] = [];
  small.forEach((line, at) => {
    for (let column = 0; column < line.length; column++)
      for (let bit = 0; bit < 8; bit++) {
        const flipped = String.fromCharCode(line.charCodeAt(column) ^ (1 << bit));
        const text = line.slice(0, column) + flipped + line.slice(column + 1);
        if (readProbeRecord(small.with(at, text)).kind === 'record') missed.push(text);
      }
  });
  t.strictSame(missed, []);
});

t.test('a line that is lost, doubled, moved or added is noticed', async (t) => {
  const whole = [...body, bios.at(-1)!];
  whole.forEach((line, at) => {
    t.not(readProbeRecord(whole.toSpliced(at, 1)).kind, 'record', `without line ${at}`);
    t.not(readProbeRecord(whole.toSpliced(at, 0, line)).kind, 'record', `line ${at} twice`);
    if (at > 0)
      t.not(readProbeRecord(whole.toSpliced(at, 0, 'Booting')).kind, 'record', `words before line ${at}`);
    if (at > 0)
      t.not(readProbeRecord(whole.toSpliced(at - 1, 2, line, whole[at - 1]!)).kind, 'record', `moved ${at}`);
  });
});

t.test('nothing, plain words, noise', async (t) => {
  refused(t, [], 'absent', /nothing was said/);
  refused(t, ['', '  '], 'absent', /nothing was said/);
  refused(t, ['error: no suitable video mode found.', ''], 'absent', /the last line is "error: no/);
  refused(t, ['\ufffdx\u0416'], 'garbage', /no record begins/);
  refused(t, ['a', 'probe i 0000 00'], 'garbage', /there is "probe i 0000 00"/);
  refused(t, ['probe begin 1'], 'garbage', /probe begin 1/);
});

t.test('half a record', async (t) => {
  for (const count of [1, 5, body.length])
    refused(t, bios.slice(0, start + count), 'cut', /it has no end; the last of its/);
  refused(t, bios.slice(start + 1), 'cut', /ends that never began/);
  const endless = [...body, ...Array<string>(5000).fill('probe i 0000 00')];
  refused(t, endless, 'cut', /it goes on for 50\d\d lines/);
});

t.test('a checksum of other text', async (t) => {
  refused(t, bios.with(-1, 'probe 1 end lines=0025 crc32=00000000'), 'checksum', /CRC-32 0x2841124d, and it/);
});

t.test('several records', async (t) => {
  refused(t, [...bios, ...bios], 'several', /2 records begin and 2 end/);
  refused(t, [...body, ...bios], 'several', /2 records begin and 1 end/);
  refused(t, [...bios, bios.at(-1)!], 'several', /1 records begin and 2 end/);
});

t.test('the right checksum over what is no record', async (t) => {
  const end = bios.at(-1)!;
  refused(t, [end, ...body], 'malformed', /ends before it begins/);
  refused(t, ['probe i 0000 00', ...bios], 'malformed', /stands outside: "probe i/);
  refused(t, bios.with(-1, end.replace('0025', '0026')), 'malformed', /has 37 lines, and says 0x0026/);
  refused(t, resealed(/^probe 1 begin/, 'probe 2 begin'), 'malformed', /version 2 to 1/);
  refused(t, bios.with(-1, end.replace('1 end', '2 end')), 'malformed', /version 1 to 2/);
  refused(t, resealed(/multiboot32/, 'multiboot64'), 'malformed', /no entry is called "multiboot64"/);
  refused(t, resealed(/multiboot32/, 'efi64'), 'malformed', /line 3: it says "probe general/);
  refused(t, resealed(/variant=0000/, 'variant=0'), 'malformed', /line 1: .*the begin line/);
  refused(t, resealed(/a20=1/, 'a20=2'), 'malformed', /a20 is 2/);
  refused(t, resealed(/stack=0/, 'stack=8'), 'malformed', /the stack pointer modulo 16 is not 8/);
  refused(t, resealed(/ss=0018/, 'ss=0018 '), 'malformed', /selectors/);
  refused(t, resealed(/=00000046/, '=0000004G'), 'malformed', /line 5/);
  refused(
    t,
    resealed(/^probe (segment|bss) 0/, 'probe $1 1'),
    'malformed',
    /where the first segment belongs/,
  );
  refused(t, resealed(/shown=000002d8/, 'shown=000002d0'), 'malformed', /of 728 bytes .* 728 .*, not 720/);
  refused(t, resealed(/size=000002d8 shown=000002d8/, 'size=000002f8 shown=000002f8'), 'malformed', /0x02c0/);
  refused(t, resealed(/size=000002d8 shown=000002d8/, 'size=000002c0 shown=000002c0'), 'malformed', /after/);
  refused(t, resealed(/^probe i 0020/, 'probe i 0040'), 'malformed', /from offset 0x0020 on/);
});

t.test('bounds', async (t) => {
  const long = 'x'.repeat(80);
  refused(t, sealed([...body, long]), 'malformed', /a line has 80 characters/);
  const many = Array<string>(3000).fill('probe i 0000 00');
  refused(t, sealed([...body, ...many]), 'malformed', /it has 3037 lines, where 2112 are the most/);
  const huge = '\u0000'.repeat(1_000_000);
  const reading = readProbeRecord([huge]);
  t.ok(reading.kind !== 'record' && reading.detail.length < 1000);
});

t.test('boot information beyond 64 KiB: the record says that it was cut', async (t) => {
  const head = body.filter((line) => !line.startsWith('probe i '));
  const bytes = (count: number) =>
    Array.from(
      { length: count },
      (_, n) => `probe i ${(32 * n).toString(16).padStart(4, '0')} ${'5a'.repeat(32)}`,
    );
  const cut = head.map((line) =>
    line.replace(/size=000002d8 shown=000002d8/, 'size=00010008 shown=00010000'),
  );
  const record = believed(t, sealed([...cut, ...bytes(2048)]));
  t.equal(record.informationSize, 0x1_0008);
  t.equal(record.information.length, 0x1_0000);
  refused(t, sealed([...cut, ...bytes(2047)]), 'malformed', /the record ends/);
});

t.test('both landmarks are found by their own lines only', async (t) => {
  t.strictSame(
    bios.filter((line) => PROBE_BEGIN.test(line)),
    [bios[start]],
  );
  t.strictSame(
    bios.filter((line) => PROBE_END.test(line)),
    [bios.at(-1)],
  );
});
