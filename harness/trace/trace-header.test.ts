import t from 'tap';
import { HEADER } from './testdata/trace-builder.ts';
import { TraceHeaderError } from './trace-errors.ts';
import { encodeTraceHeader, parseTraceHeader, type TraceHeader } from './trace-header.ts';

type Json = Record<string, unknown>;

const asJson = (header: TraceHeader): Json =>
  JSON.parse(Buffer.from(encodeTraceHeader(header)).toString()) as Json;
const parse = (value: unknown): TraceHeader => parseTraceHeader(Buffer.from(JSON.stringify(value)));

t.test('addresses are hexadecimal text in the file, numbers here', async (t) => {
  const high = { ...HEADER, inside: [{ start: 0xffff_82d0_4000_0000n, end: 1n << 64n, what: 'Xen, high' }] };
  const json = asJson(high);
  t.match(json, { subject: { loadBase: '0x03e00000' }, capturedAt: '2025-01-31T12:00:00Z' });
  t.same(json['inside'], [{ start: '0xffff82d040000000', end: '0x10000000000000000', what: 'Xen, high' }]);
  t.same(parse(json), high);
});

t.test('fields that a later minor version adds are left out', async (t) => {
  t.same(parse({ ...asJson(HEADER), mood: 'good' }), HEADER);
});

t.test('what is no header is refused, by the field', async (t) => {
  const json = asJson(HEADER);
  const subject = json['subject'] as Json;
  const segment = (subject['segments'] as Json[])[0]!;
  const withSegment = (change: Json): Json => ({
    ...json,
    subject: { ...subject, segments: [{ ...segment, ...change }] },
  });
  const cases: readonly (readonly [value: unknown, told: RegExp])[] = [
    [[], /all of it: /],
    [null, /all of it: /],
    [{ ...json, schema: 'loadbase.trace/2' }, /schema: /],
    [{ ...json, instance: 7 }, /instance: /],
    [{ ...json, instance: 'x'.repeat(5000) }, /instance: /],
    [{ ...json, way: 'guess' }, /way: /],
    [{ ...json, capturedAt: 'yesterday' }, /capturedAt: /],
    [{ ...json, subject: { ...subject, loadBase: 5 } }, /subject.loadBase: /],
    [{ ...json, subject: { ...subject, loadBase: '5' } }, /subject.loadBase: expected a physical address/],
    [{ ...json, subject: { ...subject, imageSha256: 'ab' } }, /subject.imageSha256: /],
    [{ ...json, subject: { ...subject, imageSizeBytes: 2 ** 40 } }, /subject.imageSizeBytes: /],
    [withSegment({ physicalAddress: '0x10000000000000' }), /subject.segments.0.physicalAddress: /],
    [withSegment({ memorySizeBytes: 1 }), /subject.segments.0: a segment has more bytes/],
    [withSegment({ memorySizeBytes: 2 ** 40 }), /subject.segments: the segments take more than 512 MiB/],
    [{ ...json, inside: [{ start: '0x2', end: '0x2', what: '' }] }, /inside.0: a range ends before/],
    [{ ...json, inside: [{ start: '0x20000000000000000', end: '0x2', what: '' }] }, /inside.0.start: /],
    [{ ...json, tools: new Array(257).fill({ name: '', version: '', sha256: null }) }, /tools: /],
  ];
  for (const [value, told] of cases)
    t.throws(() => parse(value), { name: 'TraceHeaderError', message: told });
  for (const bytes of ['', '{', '"\u0000'])
    t.throws(() => parseTraceHeader(Buffer.from(bytes)), TraceHeaderError);
  t.throws(() => parseTraceHeader(Uint8Array.of(0x22, 0xff, 0x22)), /no JSON text/, 'no UTF-8');
});
