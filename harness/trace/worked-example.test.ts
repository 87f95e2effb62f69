import { readFileSync } from 'node:fs';
import t from 'tap';
import { readField } from '../x86/state/state-layout.ts';
import { encodeHex } from '../bits/hex.ts';
import { END, RECORD_NAMES } from './record.ts';
import { workedExample } from './testdata/worked-example.ts';
import { TraceReader } from './trace-reader.ts';

const DOC = readFileSync(new URL('../../docs/trace-format.md', import.meta.url), 'utf8');
const EXAMPLE = DOC.slice(DOC.indexOf('## Worked example'));
const ROW = /^\| `0x([0-9a-f]+)` +\| `([0-9a-f ]+)` +\|/gm;

/** The file that the document describes: its header, its rows, and 0 elsewhere. */
function described(): Uint8Array {
  const rows = [...EXAMPLE.matchAll(ROW)].map(([, offset, bytes]) => ({
    offset: Number.parseInt(offset!, 16),
    bytes: Buffer.from(bytes!.replaceAll(' ', ''), 'hex'),
  }));
  const file = Buffer.alloc(Math.max(...rows.map(({ offset, bytes }) => offset + bytes.length)));
  const header = /```json\n(.*?)\n```/s.exec(EXAMPLE)![1]!;
  file.write(JSON.stringify(JSON.parse(header)), 24);
  for (const { offset, bytes } of rows) file.set(bytes, offset);
  return file;
}

t.test('docs/trace-format.md shows what is written', async (t) => {
  t.equal(encodeHex(described()), encodeHex(await workedExample()));
});

t.test('what the document shows is read as it says', (t) => {
  const reader = new TraceReader(described());
  t.equal(reader.damage, undefined);
  t.same(reader.ending, { steps: 6, guestSteps: 1029, why: '__start_xen reached' });
  const cursor = reader.cursor();
  const seen: string[] = [];
  for (let kind = cursor.next(); kind !== END; kind = cursor.next()) {
    const rip = readField(cursor.words, 'rip').toString(16);
    seen.push(`${RECORD_NAMES[kind]} ${rip}${cursor.systemChanged ? ' system' : ''}`);
  }
  t.same(seen, [
    ...['memory 3e00020', 'step 3e00025', 'input 3e00027', 'step 3e00020', 'repeat 3e00022'],
    ...['step 3e00025 system', 'excursion 3e0002a', 'memory 3e0002a', 'digest 3e0002a'],
  ]);
  t.equal(readField(cursor.words, 'rax'), 0xffff_ffff_8000_0000n);
  t.equal(cursor.iterations, 1);
  t.same(cursor.digests, [{ address: 0x4e00000, sizeBytes: 0x1000, crc32: 0xc71c_0011 }]);
  t.end();
});
