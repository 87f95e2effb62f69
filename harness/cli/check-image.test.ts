/** CLAIM: the exit code says what the check found, standard output is the report alone, and Ctrl-C ends at once. */
import { execFile, type ChildProcess } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { buildElf } from '../elf/testdata/elf-builder.ts';
import { header, image, MIN, RELOCATABLE, words } from '../multiboot2/testdata/image-builder.ts';
import { smallXen } from '../xen/testdata/small-xen.ts';
import { chosenBases } from './check-image.ts';
import { subjectToCheck } from './check-subject.ts';
import { exitCodeOf } from './exit-codes.ts';
import type { CheckOptions } from './run-options.ts';

const at = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);
/** As main() does, with workers of our own. */
const START = `
import { checkImage } from ${at('check-image.ts')};
import { exitCodeOf } from ${at('exit-codes.ts')};
const [kind, options] = process.argv.slice(1);
try {
  process.exitCode = await checkImage(JSON.parse(options), new URL(${at('testdata/hand-made-worker.ts')} + '?' + kind));
} catch (error) {
  process.stderr.write(error.message + '\\n');
  process.exitCode = exitCodeOf(error);
}
process.exit();`;

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function check(
  kind: string,
  options: object,
  onStart: (child: ChildProcess) => void = () => undefined,
): Promise<Ended> {
  const argv = ['--import=tsx', '--input-type=module', '-e', START, '--'];
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...argv, kind, JSON.stringify({ jobs: 2, ...options })],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
    onStart(child);
  });
}

/** Boot services are kept, and the EFI entry is where ELF's is. */
const EFI_TAGS = [
  { type: 7, optional: true, payload: [] },
  { type: 9, optional: true, payload: [MIN] },
];
const GOOD = Buffer.from(image(header([RELOCATABLE, ...EFI_TAGS])));

t.test('it holds: 0; compressed, too', async (t) => {
  const folder = t.testdir({ xen: GOOD, 'xen.gz': gzipSync(GOOD) });
  const base = [0x200000, 0x3e00000];
  const plain = await check('holds', { xen: join(folder, 'xen'), base });
  t.match(plain, { code: 0, stderr: '' });
  t.match(plain.stdout, /✓ holds at every base tried \(4 boots/);
  const packed = await check('holds', { xen: join(folder, 'xen.gz'), base: ['all'], entry: ['efi'] });
  t.match(packed.stdout, /✓ holds at every base tried \(2,051 boots/);
});

t.test('a defect: 1; as JSON', async (t) => {
  const folder = t.testdir({ xen: GOOD });
  const end = await check('defect', { xen: join(folder, 'xen'), json: true });
  t.match(end, { code: 1, stderr: '' });
  t.match(JSON.parse(end.stdout), { schema: 'loadbase.check/1', verdict: 'defect' });
  t.notMatch(end.stdout, /\x1b/);
  t.equal((await check('loops', { xen: join(folder, 'xen') })).code, 1);
});

t.test('a fault of the model: 3', async (t) => {
  const folder = t.testdir({ xen: GOOD });
  t.match(await check('throws', { xen: join(folder, 'xen') }), {
    ...{ code: 3, stdout: '' },
    stderr: /a worker failed: Error: a fault of the model/,
  });
});

t.test('interrupted: 130, at once', async (t) => {
  const folder = t.testdir({ xen: GOOD });
  const end = await check('hangs', { xen: join(folder, 'xen') }, (child) => {
    child.stderr?.once('data', () => child.kill('SIGINT'));
  });
  t.match(end, { code: 130, stdout: '' });
});

const never = new AbortController().signal;

async function refused(t: Test, options: Partial<CheckOptions>, says: RegExp): Promise<void> {
  const error = await subjectToCheck({ jobs: 1, ...options }, never)
    .then((subject) => chosenBases(options, subject))
    .catch((reason: unknown) => reason);
  t.match(error, { message: says });
  t.equal(exitCodeOf(error), 2, says.source);
}

t.test('what cannot be checked: 2, with file, reason and next step', async (t) => {
  const build = t.testdir();
  const small = smallXen(build);
  const other = smallXen(build, (source) => source.replace('mov $1, %edx', 'mov $2, %edx'));
  const head = header([RELOCATABLE]);
  const elf = (...segments: Parameters<typeof buildElf>[0]['segments']) =>
    buildElf({ segments, firstOffset: 0x80 });
  const low = { paddr: 0x200000n, bytes: head };
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['no-header', image(words(1, 2, 3)), /no-header: no Multiboot2 header .*; give an image/],
    ['no-elf', Buffer.from('hello'), /no-elf: not an ELF image: it looks like text; give/],
    ['truncated', GOOD.subarray(0, 0x90), /truncated: ELF .*cut short/],
    [
      'broken.gz',
      gzipSync(GOOD).subarray(0, 60),
      /broken\.gz: not a whole gzip file.*; copy or build it again/,
    ],
    [
      'high',
      elf({ ...low, paddr: 0xfffff000n, memsz: 0x1000 }),
      /high: .*not below 4 GiB; link the image lower/,
    ],
    [
      'overlap',
      elf(low, { paddr: 0x200010n, bytes: head }),
      /overlap: its segments overlap .*; link them apart/,
    ],
    [
      'large',
      elf(low, { paddr: 0xe0000000n, bytes: head }),
      /large: it takes 0x\w+ bytes in memory, more than/,
    ],
  ];
  const folder = t.testdir({});
  for (const [name, bytes, says] of cases) {
    writeFileSync(join(folder, name), bytes);
    await refused(t, { xen: join(folder, name) }, says);
  }
  writeFileSync(join(folder, 'xen'), small.imageFile);
  writeFileSync(join(folder, 'syms'), other.symbolFile);
  const image0 = join(folder, 'xen');
  await refused(t, { xen: `${image0},${join(folder, 'syms')}` }, /symbol file of another image/);
  await refused(t, { xen: folder }, /cannot read the image .*EISDIR.*; give a file/);
  await refused(t, { xen: join(folder, 'none') }, /cannot read the image .*ENOENT/);
  await refused(t, { xen: image0, base: [0x100000] }, /--base: base 0x00100000 is below .*0x00200000/);
  await refused(t, { xen: image0, base: ['all', 0xfffff000] }, /--base: .* is beyond 0xffffffff/);
  await refused(t, { xen: image0, specimen: 'probe' }, /two images; give one of them/);
});
