import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { digestOf } from '../replay/trace-image.ts';
import { HEADER, traceOf } from '../trace/testdata/trace-builder.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import { smallXen } from '../xen/testdata/small-xen.ts';
import { imageForTrace } from './image-for-trace.ts';

const xen = smallXen(t.testdir({}));
const image = Buffer.from(xen.imageFile);

async function traceOfXen(embedded?: Uint8Array): Promise<TraceReader> {
  const subject = {
    ...{ ...HEADER.subject, segments: [] },
    ...{ imageSha256: digestOf(image), imageSizeBytes: image.length },
  };
  const header = { ...HEADER, subject };
  return new TraceReader(await traceOf(() => undefined, { header, ...(embedded && { image: embedded }) }));
}

/** A cache with an image in it, for the time of the test. */
function cacheWith(t: Test, entry: string, files: Readonly<Record<string, Uint8Array>>): string {
  const root = t.testdir({});
  const folder = join(root, 'loadbase', 'entries', entry);
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  const before = process.env['XDG_CACHE_HOME'];
  process.env['XDG_CACHE_HOME'] = root;
  t.teardown(() => {
    if (before === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = before;
  });
  return folder;
}

t.test('among what was built here, by size and digest, with the symbols beside it', async (t) => {
  const folder = cacheWith(t, 'xen-1', {
    'other-of-that-size': Buffer.alloc(image.length),
    xen: image,
    'xen-syms': xen.symbolFile,
  });
  const found = await imageForTrace(await traceOfXen(), undefined);
  t.same(Buffer.from(found.bytes), image);
  t.equal(found.symbolsPath, join(folder, 'xen-syms'));
  t.ok(found.symbols?.has('trampoline_setup'));
});

t.test('not built here: named, with what to do', async (t) => {
  cacheWith(t, 'xen-1', { xen: Buffer.alloc(image.length) });
  const trace = await traceOfXen();
  await t.rejects(imageForTrace(trace, undefined), {
    name: 'TraceImageError',
    message: /^the image of xen-early-boot~.* \(xen, SHA-256 \w{16}…\) was not built here; .*--image FILE/,
  });
});

t.test('no cache at all, and entries of other kinds', async (t) => {
  cacheWith(t, 'frozen-1', { xen: image });
  await t.rejects(imageForTrace(await traceOfXen(), undefined), { name: 'TraceImageError' });
});

t.test('embedded, without symbols', async (t) => {
  cacheWith(t, 'xen-1', {});
  const found = await imageForTrace(await traceOfXen(image), undefined);
  t.same(Buffer.from(found.bytes), image);
  t.equal(found.symbols, undefined);
});

t.test('given: it must be the one', async (t) => {
  const folder = t.testdir({});
  const [path, syms, other] = ['xen', 'xen-syms', 'other'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(path, image);
  writeFileSync(syms, xen.symbolFile);
  const changed = Buffer.from(image);
  changed[changed.length - 1]! ^= 1;
  writeFileSync(other, changed);
  const trace = await traceOfXen();
  const found = await imageForTrace(trace, `${path},${syms}`);
  t.ok(found.symbols?.has('trampoline_setup'));
  await t.rejects(imageForTrace(trace, other), {
    name: 'TraceImageError',
    message: /\/other is another image than the trace's/,
  });
});
