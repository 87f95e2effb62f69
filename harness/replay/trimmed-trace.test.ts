/** CLAIM: a trimmed trace replays as the whole one does, and holds not one byte that nobody reads. */
import t from 'tap';
import { DIGEST, END, MEMORY, type MemoryRun } from '../trace/record.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { writeField } from '../x86/state/state-layout.ts';
import { Replay } from './replay.ts';
import { run, smallBoot, traceOfBoot, type SmallBoot, type SmallRecord } from './testdata/small-boot.ts';
import { UntrimmableTraceError, writeTrimmed } from './trimmed-trace.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);

async function trimmed(boot: SmallBoot): Promise<TraceReader> {
  const pieces: Uint8Array[] = [];
  await writeTrimmed(await traceOfBoot(boot), boot.image, store, (bytes) => void pieces.push(bytes));
  const reader = new TraceReader(Buffer.concat(pieces));
  t.match(new Replay(reader, boot.image, store).run(), { divergence: undefined });
  return reader;
}

const shown = ({ address, bytes }: MemoryRun) =>
  `${address.toString(16)}: ${Buffer.from(bytes).toString('hex')}`;

/** What it says of memory, by the step before which it says so. */
function memoryOf(reader: TraceReader): string[] {
  const cursor = reader.cursor();
  const said: string[] = [];
  for (let kind = cursor.next(); kind !== END; kind = cursor.next()) {
    if (kind === MEMORY)
      said.push(...cursor.memory.map((each) => `${cursor.step} ${cursor.memoryCause} ${shown(each)}`));
    if (kind === DIGEST)
      said.push(
        ...cursor.digests.map(
          (each) => `${cursor.step} digest ${each.address.toString(16)} +${each.sizeBytes}`,
        ),
      );
  }
  return said;
}

const line = (address: number): SmallRecord => ({
  kind: 'memory',
  runs: [run(address, '00'.repeat(64))],
  cause: 'read',
});

t.test('reads: the bytes alone, once, before the step that needs them', async (t) => {
  // mov 0x2010,%eax; mov 0x2012,%ebx; movb $1,0x2020; mov 0x2020,%cl; hlt
  const boot = smallBoot(disassembler, 'a110200000 8b1d12200000 c6052020000001 8a0d20200000 f4');
  const reader = await trimmed({ ...boot, records: [line(0x2000), ...boot.records] });
  t.same(memoryOf(reader), ['0 read 2010: 00000000', '1 read 2014: 0000'], 'what was stored is not read');
});

t.test('a string is one record, whatever its pieces', async (t) => {
  // mov $16,%ecx; mov $0x2008,%esi; mov $0x1100,%edi; rep movsb; hlt
  const boot = smallBoot(disassembler, 'b910000000 be08200000 bf00110000 f3a4 f4');
  const reader = await trimmed({ ...boot, records: [line(0x2000), ...boot.records] });
  t.same(memoryOf(reader), [`3 read 2008: ${'00'.repeat(16)}`]);
});

t.test('excursions and digests: what is known by then; what is read later, as it is then', async (t) => {
  // mov %eax,0x2004; call 0x5000; mov 0x2000,%ebx; hlt
  const head = smallBoot(disassembler, 'a304200000 f4', { rax: 0x1122_3344n });
  const image = Buffer.from('a304200000e8f63f00008b1d00200000f4', 'hex');
  const [returned] = head.records;
  if (returned?.kind !== 'step') throw new Error('it is no step');
  const words = returned.words.slice();
  writeField(words, 'rip', 0x100an);
  const last = words.slice();
  writeField(last, 'rip', 0x1010n);
  writeField(last, 'rbx', 0xddcc_bbaan);
  const whole: SmallBoot = {
    ...{ initial: head.initial, image },
    records: [
      line(0x2000),
      returned,
      // 44 33 22 11 at 0x2004.
      { kind: 'digest', digests: [{ address: 0x2000, sizeBytes: 64, crc32: crcOfLine() }] },
      { kind: 'excursion', words, changed: [run(0x2000, 'aabbccddee'), run(0x2030, '99')] },
      { kind: 'step', words: last },
    ],
  };
  t.same(memoryOf(await trimmed(whole)), ['1 digest 2004 +4', '2 written 2004: ee', '2 read 2000: aabbccdd']);
});

/** CRC-32 of 00 00 00 00 44 33 22 11 and 56 zeros, as Python's zlib has it. */
function crcOfLine(): number {
  return 0x6bb0_efa7;
}

t.test('no embedded image is taken over, and a trace that does not replay is refused', async (t) => {
  const boot = smallBoot(disassembler, 'a110200000 f4');
  await t.rejects(trimmed(boot), {
    name: 'UntrimmableTraceError',
    message:
      /^step 1: it reads 4 bytes at 0x00002010 that the trace does not hold; only a trace that replays/,
  });
  const wrong = boot.initial.slice();
  writeField(wrong, 'rax', 1n);
  const nop = smallBoot(disassembler, '90 f4');
  await t.rejects(trimmed({ ...nop, records: [{ kind: 'step', words: wrong }] }), UntrimmableTraceError);
  await t.rejects(trimmed({ ...nop, image: Buffer.from('f4', 'hex') }), /the model stopped \(halted\)/);
  const time = smallBoot(disassembler, '0f31 f4');
  const untold = time.records.map((each) => ({ ...each, kind: 'step' }) as SmallRecord);
  await t.rejects(trimmed({ ...time, records: untold }), /the model stopped \(unsupported\)/);
});
