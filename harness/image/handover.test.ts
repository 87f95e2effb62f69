import { gzipSync } from 'node:zlib';
import t from 'tap';
import { encodeEnvironmentBlock } from './environment-block.ts';
import { bareBoot } from './testdata/bare-machine.ts';
import { bootInformationPrinter, printedTags } from './testdata/boot-information-printer.ts';
import { builtGrub } from './testdata/built-grub.ts';
import { bootMedium } from './medium.ts';
import { packPayload, type Payload } from './payload.ts';

/** Multiboot2 specification 1.6, §3.6.3 (command line), §3.6.5 (modules). */
const COMMAND_LINE = 1;
const MODULE = 3;

const kernel = bootInformationPrinter();
const boot = { choice: 'handover', mode: 'boot' } as const;
const folder = t.testdir({ cache: {}, run: {} });
const iso = async () =>
  bootMedium('iso', await builtGrub(), { cacheRoot: `${folder}/cache`, onProgress: () => {} });
const loaderLines = (console: string) => console.match(/^(loadbase: .*|error: .*)$/gm) ?? [];
const start = async (payload: Payload | Buffer, pvpanic: boolean) =>
  bareBoot({ firmware: 'bios', medium: await iso(), payload, pvpanic }, `${folder}/run`);
const PROLOGUE = [
  'loadbase: loader started',
  'loadbase: memory map',
  'loadbase: memory map end',
  'loadbase: ready',
  'loadbase: choice handover',
];

t.test('a kernel is handed the arguments and modules of the payload', async (t) => {
  const modules = [
    { bytes: Buffer.from('first'), arguments: 'root=/dev/x* console=hvc0 a;b $c {d}' },
    { bytes: gzipSync(Buffer.alloc(5000)) },
    { bytes: Buffer.alloc(9), arguments: 'last' },
  ];
  const choice = { ...boot, arguments: 'console=com1 loglvl=all --x=y,z |&<>?' };
  const end = await start({ choice, kernel, modules }, false);
  t.strictSame(loaderLines(end.console), [...PROLOGUE, 'loadbase: loading', 'loadbase: loaded']);
  const tags = printedTags(end.debugPort);
  const text = (content: Buffer) => content.toString('latin1').replace(/\0$/, '');
  t.strictSame(
    tags.filter((tag) => tag.type === COMMAND_LINE).map((tag) => text(tag.content)),
    [choice.arguments],
  );
  t.strictSame(
    tags
      .filter((tag) => tag.type === MODULE)
      .map(({ content }) => [content.readUInt32LE(4) - content.readUInt32LE(0), text(content.subarray(8))]),
    modules.map((module) => [module.bytes.length, module.arguments ?? '']),
  );
});

t.test('a gzip kernel is unpacked, and eight modules arrive', async (t) => {
  const modules = Array.from({ length: 8 }, (_, n) => ({
    bytes: Buffer.alloc(n + 1),
    arguments: `number ${n}`,
  }));
  const end = await start({ choice: boot, kernel: gzipSync(kernel), modules }, false);
  const sizes = printedTags(end.debugPort)
    .filter((tag) => tag.type === MODULE)
    .map(({ content }) => content.readUInt32LE(4) - content.readUInt32LE(0));
  t.strictSame(sizes, [1, 2, 3, 4, 5, 6, 7, 8]);
});

t.test('pvpanic rings before the payload drive is looked at', async (t) => {
  const end = await start({ choice: boot, kernel }, true);
  t.strictSame(loaderLines(end.console), PROLOGUE.slice(0, -1));
  t.equal(end.debugPort.length, 0, 'the kernel did not run');
});

t.test('multiboot1 loads with its own commands', async (t) => {
  const choice = { ...boot, protocol: 'multiboot1', arguments: 'a b' } as const;
  const onlyMultiboot1 = Buffer.from(kernel).fill(0, 0, 64);
  const end = await start({ choice, kernel: onlyMultiboot1, modules: [{ bytes: kernel }] }, false);
  const lines = loaderLines(end.console).slice(PROLOGUE.length);
  t.strictSame(lines.slice(0, 2), ['loadbase: loading', 'loadbase: loaded']);
});

t.test('what GRUB refuses ends in refused, after the reason', async (t) => {
  const noKernel = await start({ choice: boot, kernel: Buffer.alloc(4096) }, false);
  t.strictSame(loaderLines(noKernel.console), [
    ...PROLOGUE,
    'loadbase: loading',
    'error: no multiboot header found.',
    'loadbase: refused',
  ]);
  const otherKernel = Buffer.from(kernel).fill(0, 64, 96);
  const multiboot1 = await start({ choice: { ...boot, protocol: 'multiboot1' }, kernel: otherKernel }, false);
  t.match(multiboot1.console, /^error: .*\nloadbase: refused$/m, 'a Multiboot2 image is none for multiboot1');
});

t.test('a module that cannot be loaded ends in refused', async (t) => {
  const payload = await packPayload({ choice: boot, kernel, modules: [{ bytes: kernel }] });
  payload.write('gone-', payload.indexOf('module-0\0'));
  // The header's checksum, which GRUB does not compare, is left as it is.
  const end = await start(payload, false);
  t.match(end.console, /^error: .*module-0.*\nloadbase: refused$/m);
});

t.test('a payload cannot set what its names do not cover', async (t) => {
  const payload = await packPayload({ choice: { choice: 'x', mode: 'survey' } });
  encodeEnvironmentBlock({ choice: 'x', mode: 'survey', prefix: '/elsewhere' }).copy(payload, 512);
  const end = await start(payload, false);
  t.match(end.console, /^loadbase: survey end$/m);
});
