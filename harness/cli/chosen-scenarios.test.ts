/** CLAIM: what contradicts itself is refused by the names of the options; a kernel that is none says why, and what to do. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Command, CommanderError } from 'commander';
import t, { type Test } from 'tap';
import { header, image, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { PayloadError } from '../image/payload.ts';
import { SubjectError } from '../scenario/subject.ts';
import { SCENARIOS } from '../../scenarios/index.ts';
import { chosenScenarios } from './chosen-scenarios.ts';
import { EXIT, exitCodeOf, UsageError } from './exit-codes.ts';
import {
  addImageOption,
  addSourceOptions,
  repeatedSourceOptions,
  type SourceOptions,
} from './source-options.ts';

const WHOLE = image(header([RELOCATABLE]));

function kernelFile(t: Test, bytes: Uint8Array = WHOLE): string {
  const path = join(t.testdir({}), 'kernel');
  writeFileSync(path, bytes);
  return path;
}

/** As the command line gives them. */
function parse(...words: string[]): SourceOptions {
  const command = addSourceOptions(addImageOption(new Command())).exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  return command.parse(words, { from: 'user' }).opts();
}

async function refused(
  t: Test,
  words: string[],
  kind: new (...of: never[]) => Error,
  message: RegExp,
): Promise<void> {
  const choosing = chosenScenarios(parse(...words));
  const error: unknown = await choosing.catch((reason: unknown) => reason);
  t.type(error, kind, words.join(' '));
  t.match(error, { message });
  t.notMatch((error as Error).message, /\n/, 'one line');
  t.equal(exitCodeOf(error), EXIT.usage);
}

t.test('without a kernel our own scenarios', async (t) => {
  t.equal(await chosenScenarios(parse()), SCENARIOS);
});

t.test('a kernel’s scenario has its circumstances', async (t) => {
  const words = ['--kernel', kernelFile(t), '--expect', '^Welcome', '--arguments', 'a=1 b'];
  const [scenario, ...others] = await chosenScenarios(parse(...words));
  t.strictSame(others, []);
  const [instance] = scenario?.instances() ?? [];
  t.match(instance, { scenario: 'kernel', subject: 'kernel' });
  t.strictSame(instance && scenario?.given(instance), { arguments: 'a=1 b', expectedLine: /^Welcome/ });
  const [silent] = await chosenScenarios(parse('--kernel', kernelFile(t, gzipSync(WHOLE))));
  t.strictSame(instance && silent?.given(instance), { arguments: '' }, 'unpacked, and nothing awaited');
});

t.test('options that belong to a kernel', async (t) => {
  const says = /^--expect and --arguments belong to --kernel; give the kernel, too$/;
  await refused(t, ['--expect', 'x'], UsageError, says);
  await refused(t, ['--arguments', 'x'], UsageError, says);
  await refused(t, ['--arguments', ''], UsageError, says);
});

t.test('options that a kernel cannot stand beside are named, each', async (t) => {
  const kernel = ['--kernel', kernelFile(t)];
  const cases: [words: string[], named: string][] = [
    [['--xen', 'x'], '--xen'],
    [['--xen-src', 'x'], '--xen-src'],
    [['--xen-patches', 'x'], '--xen-patches'],
    [['--xen', 'x', '--xen-src', 'y', '--xen-patches', 'z'], '--xen, --xen-src, --xen-patches'],
  ];
  for (const [words, named] of cases)
    await refused(t, [...kernel, ...words], UsageError, new RegExp(`cannot be combined with ${named}$`));
  await t.rejects(chosenScenarios({ ...parse(...kernel), scenario: ['xen-modules'] }), {
    name: 'UsageError',
    message: /cannot be combined with --scenario$/,
  });
  await t.resolves(chosenScenarios(parse(...kernel, '--xen-src', 'debian')), 'what is so anyway');
});

t.test('arguments that GRUB would alter', async (t) => {
  const kernel = ['--kernel', kernelFile(t), '--arguments'];
  for (const text of ["a 'b'", 'a  b', ' a', 'a\nb', 'a\\b', 'ä'])
    await refused(t, [...kernel, text], PayloadError, /GRUB would alter .*; use printable ASCII words/);
});

t.test('a file that is no kernel: its name, the cause, the next step', async (t) => {
  const folder = t.testdir({});
  mkdirSync(join(folder, 'folder'));
  const files: Readonly<Record<string, Uint8Array>> = {
    ...{ text: Buffer.from('this is text\n'), empty: new Uint8Array(0) },
    ...{ cut: WHOLE.subarray(0, 0x90), headless: WHOLE.subarray(0, 30) },
    ...{ 'cut.gz': gzipSync(WHOLE).subarray(0, 40), bomb: gzipSync(Buffer.alloc(257 * 1024 * 1024)) },
    nothing: image(new Uint8Array(64)),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  const cases: [name: string, message: RegExp][] = [
    ['text', /\/text: not an ELF image: it looks like text; give a linked ELF image$/],
    ['empty', /\/empty: not an ELF image: the file is empty; /],
    ['cut', /\/cut: ELF segment 0 is cut short: .*; copy or build it again$/],
    ['headless', /\/headless: ELF header is cut short: .*; copy or build it again$/],
    ['cut.gz', /\/cut\.gz: not a whole gzip file: .*; copy or build it again$/],
    ['bomb', /\/bomb: it unpacks to more than 256 MiB; give /],
    ['nothing', /\/nothing: no Multiboot2 header .*; give an image built with Multiboot2 support$/],
    ['folder', /^cannot read the image .*\/folder: EISDIR.*; give a file$/],
    ['missing', /^cannot read the image .*\/missing: ENOENT.*; give a file$/],
  ];
  for (const [name, message] of cases)
    await refused(t, ['--kernel', join(folder, name)], SubjectError, message);
});

t.test('what is no regular expression is the command line’s error', async (t) => {
  for (const text of ['(', '']) t.throws(() => parse('--expect', text), CommanderError);
  t.throws(() => parse('--expect', '('), {
    message: /option '--expect <regex>'.*It is no regular expression/,
  });
});

t.test('the options of a kernel as they must be repeated', async (t) => {
  const words = ['--kernel', 'a kernel', '--expect', '^a/b "c"\\d$', '--arguments', 'x=1 y'];
  const repeated = repeatedSourceOptions(parse(...words));
  t.strictSame(repeated, words.with(3, '^a\\/b "c"\\d$'), 'a slash may be escaped');
  t.strictSame(repeatedSourceOptions(parse(...repeated)), repeated);
});
