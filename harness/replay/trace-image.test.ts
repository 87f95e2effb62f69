import { createHash } from 'node:crypto';
import t from 'tap';
import { HEADER, traceOf } from '../trace/testdata/trace-builder.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import { digestOf, embeddedImage, requireImage, TraceImageError } from './trace-image.ts';

const image = Uint8Array.of(1, 2, 3, 4);
const sha256 = createHash('sha256').update(image).digest('hex');
const header = (subject: Partial<TraceHeader['subject']>): TraceHeader => ({
  ...HEADER,
  subject: { ...HEADER.subject, imageSha256: sha256, segments: [], ...subject },
});

t.test('the image that the header names', (t) => {
  t.equal(digestOf(image), sha256);
  t.doesNotThrow(() => requireImage(header({}), image, 'it'));
  const segment = { physicalAddress: 0, imageOffset: 1, fileSizeBytes: 3, memorySizeBytes: 9 };
  t.doesNotThrow(() => requireImage(header({ segments: [segment] }), image, 'it'));
  t.end();
});

t.test('another image, or a header that lies about it', (t) => {
  const says = (changed: Partial<TraceHeader['subject']>, message: RegExp) =>
    t.throws(() => requireImage(header(changed), image, './xen'), { name: 'TraceImageError', message });
  says(
    { imageSha256: 'ab'.repeat(32) },
    /^\.\/xen is another image than the trace's: SHA-256 \w{16}….*--image/,
  );
  const segment = { physicalAddress: 0, imageOffset: 2, fileSizeBytes: 3, memorySizeBytes: 3 };
  says({ segments: [segment] }, /\.\/xen has a segment beyond its end/);
  says({ changes: [{ imageOffset: 3, bytes: '0011' }] }, /changes \.\/xen beyond its end/);
  t.end();
});

t.test('embedded', async (t) => {
  const read = async (given: TraceHeader, embedded?: Uint8Array) =>
    embeddedImage(
      new TraceReader(
        await traceOf(() => undefined, { header: given, ...(embedded ? { image: embedded } : {}) }),
      ),
    );
  t.equal(await read(header({})), undefined, 'none');
  t.same(await read(header({ imageSizeBytes: 4 }), image), image);
  await t.rejects(read(header({ imageSizeBytes: 4 }), Uint8Array.of(4, 3, 2, 1)), TraceImageError);
});
