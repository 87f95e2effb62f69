/**
 * CLAIM: the golden traces replay without a divergence, offline, and break no rule; a trace that lies in one register of one step is told by
 * step, symbol, source line and instruction; a file that is no whole trace is refused by name, and never with a stack trace.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { digestOf } from '../harness/replay/trace-image.ts';
import { imageForTrace } from '../harness/cli/image-for-trace.ts';
import { CHUNK_HEADER_BYTES, RECORDS_CHUNK } from '../harness/trace/file-layout.ts';
import { END, EXCURSION, INPUT, MEMORY, REPEAT, DIGEST } from '../harness/trace/record.ts';
import { chunkOf, partsOf, preambleOf } from '../harness/trace/testdata/trace-builder.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { TraceWriter } from '../harness/trace/trace-writer.ts';
import { readField, writeField } from '../harness/x86/state/state-layout.ts';
import { projectRoot } from '../harness/workdir/project-root.ts';
import { loadbase } from './command.ts';
import { builtXen } from './testdata/patched-xen.ts';

const GOLDEN = join(projectRoot(), 'results', 'golden');
const traces = readdirSync(GOLDEN).filter((name) => name.endsWith('.lbtrace'));
const BIOS = 'xen-early-boot~bios~base-0x03e00000.lbtrace';
const golden = await readFile(join(GOLDEN, BIOS));

/** @returns in words why the trace's image is not here: Debian has updated what it is built from. */
async function missingImage(bytes: Uint8Array): Promise<string | undefined> {
  try {
    await imageForTrace(new TraceReader(bytes), undefined);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'TraceImageError') throw error;
    return `the image built here is another than when the trace was promoted (${error.message})`;
  }
}
const missing = await missingImage(golden);
const needsImage = missing === undefined ? {} : { skip: missing };

t.test('golden traces, each firmware at two bases, and a specimen', async (t) => {
  for (const firmware of ['bios', 'efi'])
    t.equal(traces.filter((name) => name.startsWith(`xen-early-boot~${firmware}~base-`)).length, 2, firmware);
  for (const name of traces) {
    const bytes = await readFile(join(GOLDEN, name));
    const gone = await missingImage(bytes);
    await t.test(name, gone === undefined ? {} : { skip: gone }, async (t) => {
      const { code, stdout, stderr } = await loadbase(['replay', join(GOLDEN, name)]);
      t.match({ code, stderr }, { code: 0, stderr: '' });
      t.match(stdout, /no divergence/);
      const judged = await loadbase(['replay', '--sanitize', join(GOLDEN, name)]);
      t.match({ code: judged.code, stderr: judged.stderr }, { code: 0, stderr: '' });
      t.match(judged.stdout, /no divergence .*\n {2}✓ no rule is broken\n$/);
    });
    await t.test(`${name}: provenance`, async (t) => {
      const reader = new TraceReader(bytes);
      const told = JSON.parse(
        await readFile(join(GOLDEN, name.replace(/lbtrace$/, 'json')), 'utf8'),
      ) as object;
      t.match(told, {
        trace: { sha256: digestOf(bytes), sizeBytes: bytes.length, ...reader.totals },
        instance: reader.header.instance,
        tools: reader.header.tools,
        again: /^npm run promote-trace -- '/,
      });
      t.ok(bytes.length <= 1.5 * 1024 * 1024);
      t.equal(reader.image(), undefined, 'nobody else’s image is committed');
    });
  }
});

/** The trace with one step's register another, as its writer would have written it. */
async function lying(step: number, field: string, change: (value: bigint) => bigint): Promise<Buffer> {
  const reader = new TraceReader(golden);
  const cursor = reader.cursor();
  const pieces: Uint8Array[] = [];
  const writer = new TraceWriter((bytes) => void pieces.push(bytes), reader.header, cursor.words);
  for (let kind = cursor.next(); kind !== END; kind = cursor.next()) {
    const words = cursor.words.slice();
    if (cursor.step === step) writeField(words, field, change(readField(words, field)));
    if (kind === MEMORY) writer.memory(cursor.memory, cursor.memoryCause);
    else if (kind === DIGEST) writer.digest(cursor.digests);
    else if (kind === REPEAT) writer.repeat(words, cursor.iterations);
    else if (kind === EXCURSION) writer.excursion(words);
    else if (kind === INPUT) writer.input(words);
    else writer.step(words);
  }
  await writer.end('__start_xen reached');
  return Buffer.concat(pieces);
}

async function fileWith(t: Test, bytes: Uint8Array, name = 'some.lbtrace'): Promise<string> {
  const path = join(t.testdir({}), name);
  await writeFile(path, bytes);
  return path;
}

t.test('a lie: step, symbol, source line, values, and the way there', needsImage, async (t) => {
  const file = await fileWith(t, await lying(1000, 'rbx', (value) => value + 1n));
  const { code, stdout, stderr } = await loadbase(['replay', file]);
  t.match({ code, stderr }, { code: 1, stderr: '' });
  const [head, where, what, way, ...steps] = stdout.trimEnd().split('\n');
  t.match(head, /^✗ .*some\.lbtrace: diverges after 999 steps/);
  t.match(where, /^ {2}step 1000, 0x0[0-9a-f]{7} <[a-z_][\w.]*(\+0x[0-9a-f]+)?>(, \S+\.[cSh]:\d+)?$/);
  t.match(what, /^ {4}rbx {2}recorded 0x[0-9a-f]{16}, model 0x[0-9a-f]{16}$/);
  t.equal(way, '  the last 20 steps before it, and it:');
  t.equal(steps.length, 21);
  t.match(steps[0], /^ {5}980 +0x[0-9a-f]{8} <.*> +([0-9a-f]{2})+ +[a-z]+/);
  t.match(steps.at(-1), /^ {2}=> 1000 +0x[0-9a-f]{8} <.*> +([0-9a-f]{2})+ +[a-z]+/);
  const json = await loadbase(['replay', file, '--json']);
  t.equal(json.code, 1);
  t.match(JSON.parse(json.stdout), {
    schema: 'loadbase.replay/1',
    traces: [
      {
        instance: 'xen-early-boot~bios~base-0x03e00000',
        ...{ verdict: 'diverges', steps: 999, error: null },
        divergence: {
          at: { step: 1000, bitness: 32 },
          disagreement: { kind: 'state', fields: [{ name: 'rbx' }] },
          before: { length: 20 },
        },
      },
    ],
  });
});

async function refused(t: Test, file: string, says: RegExp, ...options: string[]): Promise<void> {
  const { code, stdout, stderr } = await loadbase(['replay', file, ...options]);
  t.equal(code, 2, stderr);
  t.match(stderr, says);
  t.notMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
  t.equal(stderr.trimEnd().split('\n').length, 1, 'one message');
  t.equal(stdout, '');
}

const flipped = (at: number): Buffer => {
  const bytes = Buffer.from(golden);
  bytes[at]! ^= 0x10;
  return bytes;
};
const [first] = partsOf(golden);
const headerJson = golden.subarray(24, first!.start).toString();
const PREAMBLE_MAJOR = 8;

const DAMAGED: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['empty', Buffer.alloc(0), /the file is empty; give a file that `loadbase capture` has written/],
  [
    'a text',
    Buffer.from('hello, I am a text file of some length\n'),
    /does not begin with the magic of a trace/,
  ],
  ['cut in the preamble', golden.subarray(0, 10), /trace, byte 0x\w+: cut short/],
  ['cut in the header', golden.subarray(0, 500), /trace, byte 0x\w+: cut short/],
  [
    'cut in a chunk’s header',
    golden.subarray(0, first!.start + 7),
    /cut short: .*; 0 steps before it are whole/,
  ],
  ['cut in a chunk', golden.subarray(0, first!.start + 900), /cut short: .*; 0 steps before it are whole/],
  ['cut before its last byte', golden.subarray(0, -1), /cut short: .*; 43764 steps before it are whole/],
  ['a flipped bit in the preamble', flipped(13), /checksum of the preamble is wrong/],
  ['a flipped bit in the header', flipped(200), /checksum of the header is wrong/],
  [
    'a flipped bit in a chunk',
    flipped(first!.start + 3000),
    /checksum of chunk 0 is wrong.*fetch or capture it again/,
  ],
  [
    'a newer version',
    Buffer.concat([
      preambleOf(headerJson, (view) => view.setUint16(PREAMBLE_MAJOR, 7, true)),
      golden.subarray(first!.start),
    ]),
    /its version is 7\.0, newer than what is read here \(1\); use a loadbase that reads trace version 7/,
  ],
  [
    'a hostile size',
    Buffer.concat([
      golden.subarray(0, first!.start),
      chunkOf(RECORDS_CHUNK, golden.subarray(first!.start + CHUNK_HEADER_BYTES, first!.end), {
        rawBytes: 0xffff_ffff,
      }),
    ]),
    /4294967295 bytes, at most \d+ are read; do not trust this file/,
  ],
  [
    'a header that is no JSON',
    Buffer.concat([preambleOf('{"schema":'), golden.subarray(first!.start)]),
    /the header is malformed: it is no JSON text/,
  ],
];
for (const [what, bytes, says] of DAMAGED)
  t.test(what, needsImage, async (t) => refused(t, await fileWith(t, bytes), says));

t.test('what was before the damage is replayed', needsImage, async (t) => {
  await refused(
    t,
    await fileWith(t, golden.subarray(0, -1)),
    /\(43,764 steps \(360,926 with iterations\) before it agree\)/,
  );
});

t.test('a folder, and nothing', async (t) => {
  const folder = t.testdir({});
  mkdirSync(join(folder, 'folder'));
  await refused(t, join(folder, 'folder'), /cannot read the trace \S+folder \(EISDIR\); give a file/);
  await refused(t, join(folder, 'missing'), /cannot read the trace \S+missing \(ENOENT\); give a file/);
});

t.test('another image', async (t) => {
  const { image, symbols } = await builtXen();
  const other = Buffer.from(await readFile(image));
  other[other.length - 1]! ^= 1;
  const path = await fileWith(t, other, 'xen');
  const says =
    /\/xen is another image than the trace's: SHA-256 \w{16}…, where the trace has \w{16}….*--image/;
  await refused(t, join(GOLDEN, BIOS), says, '--image', `${path},${symbols}`);
  const text = await fileWith(t, Buffer.from('no image\n'), 'text');
  await refused(t, join(GOLDEN, BIOS), /\/text: not an ELF image/, '--image', text);
});

t.test('the image, given', needsImage, async (t) => {
  const { image, symbols } = await builtXen();
  const { code, stdout } = await loadbase(['replay', join(GOLDEN, BIOS), '--image', `${image},${symbols}`], {
    env: { XDG_CACHE_HOME: join(t.testdir({}), 'none') },
  });
  t.equal(code, 0);
  t.match(stdout, /no divergence/);
});

t.test(
  'several files, some of them bad: each has its line, the worst is the exit code',
  needsImage,
  async (t) => {
    const lie = await fileWith(t, await lying(10, 'rax', (value) => value ^ 1n), 'lie.lbtrace');
    const cut = join(lie, '..', 'cut.lbtrace');
    await writeFile(cut, golden.subarray(0, -1));
    const good = join(GOLDEN, BIOS);
    const two = await loadbase(['replay', lie, good]);
    t.equal(two.code, 1);
    t.match(two.stdout, /✗ .*lie\.lbtrace: diverges after 9 steps[\s\S]*✓ .*no divergence/);
    const all = ['missing.lbtrace', lie, cut, good];
    const three = await loadbase(['replay', ...all]);
    t.equal(three.code, 2);
    t.match(three.stdout, /✗ .*lie\.lbtrace[\s\S]*✓ /);
    t.match(three.stderr, /missing\.lbtrace[\s\S]*cut\.lbtrace/);
    const json = await loadbase(['replay', ...all, '--json']);
    t.match({ code: json.code, stderr: json.stderr }, { code: 2, stderr: '' });
    t.match(JSON.parse(json.stdout), {
      schema: 'loadbase.replay/1',
      traces: [
        { file: 'missing.lbtrace', instance: null, verdict: 'unusable', error: { name: 'TraceFileError' } },
        { file: lie, verdict: 'diverges', steps: 9 },
        {
          file: cut,
          verdict: 'unusable',
          steps: 43764,
          guestSteps: 360926,
          error: { name: 'TraceTruncatedError' },
        },
        { file: good, verdict: 'agrees', steps: 43764, error: null, divergence: null, findings: null },
      ],
    });
  },
);
