import { gzipSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildElf } from '../elf/testdata/elf-builder.ts';
import { header, image, padded, RELOCATABLE, words } from '../multiboot2/testdata/image-builder.ts';
import { smallXen } from '../xen/testdata/small-xen.ts';
import { loadSubject, SubjectError } from './subject.ts';

const GOOD = image(header([RELOCATABLE]));
const text = (bytes: Uint8Array) => Buffer.from(bytes);

/** The file is refused; the message names it, the cause, and the next step. */
async function refused(t: Test, what: string, bytes: Uint8Array, cause: RegExp): Promise<void> {
  const folder = t.testdir({ 'my-xen': text(bytes) });
  const path = join(folder, 'my-xen');
  const error = await loadSubject('xen', path, undefined, 'x').catch((reason: unknown) => reason);
  t.ok(error instanceof SubjectError, what);
  const { message } = error as Error;
  t.ok(message.startsWith(`${path}: `), `${what}: names the file`);
  t.match(message, cause, what);
  t.match(
    message,
    /; (give|copy|unpack|build|mend|move|align|link)\b|\(gunzip\)/,
    `${what}: names the next step`,
  );
}

t.test('an image, gzip or not', async (t) => {
  const folder = t.testdir({ xen: text(GOOD), 'xen.gz': gzipSync(GOOD) });
  for (const name of ['xen', 'xen.gz']) {
    const subject = await loadSubject('xen', join(folder, name), undefined, 'label');
    t.match(subject, { label: 'label', symbols: undefined, hasMultiboot1: false });
    t.equal(subject.image.loaded.linkBase, 0x200000);
    t.equal(subject.sha256.length, 64);
  }
  const { sha256 } = await loadSubject('xen', join(folder, 'xen.gz'), undefined, '');
  t.equal(sha256, createHash('sha256').update(gzipSync(GOOD)).digest('hex'), 'of the file as given');
});

t.test('what is no image', async (t) => {
  const cases: [what: string, bytes: Uint8Array, cause: RegExp][] = [
    ['empty', new Uint8Array(), /the file is empty/],
    ['text', Buffer.from('#!/bin/sh\n'), /not an ELF image: it looks like text/],
    ['a PE image', Buffer.from('MZ\x90\0'), /PE image.*not xen\.efi/],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /xz data/],
    ['truncated ELF header', GOOD.subarray(0, 40), /ELF header is cut short: it is 52 bytes.*has 0x28 bytes/],
    ['truncated ELF segment', GOOD.subarray(0, 0x90), /ELF .*is cut short: .*the file has 0x90 bytes/],
    ['truncated gzip', gzipSync(GOOD).subarray(0, 60), /not a whole gzip file: unexpected end of file/],
    ['gzip of something else', gzipSync(Buffer.from('hello')), /not an ELF image: it looks like text/],
    ['a gzip bomb', gzipSync(Buffer.alloc(300 * 1024 * 1024), { level: 1 }), /unpacks to more than 256 MiB/],
  ];
  for (const [what, bytes, cause] of cases) await refused(t, what, bytes, cause);
});

t.test('what no Multiboot2 loader would take', async (t) => {
  const good = header([RELOCATABLE]);
  const cases: [what: string, start: Uint8Array, cause: RegExp][] = [
    ['no header', words(1, 2, 3), /no Multiboot2 header for i386 within the first 32768 bytes/],
    [
      'past 32 KiB',
      padded(new Uint8Array(33000), good),
      /one of 48 bytes is at offset 0x8168.*beyond the limit/,
    ],
    ['misaligned', Buffer.concat([new Uint8Array(4), good]), /offset 0x84, no multiple of 8/],
    [
      'tag size 0',
      header([{ type: 10, size: 0 }]),
      /header tag 0 at offset 0x90: size 0 is less than the 24 bytes/,
    ],
    [
      'a tag beyond the header',
      header([{ type: 10, size: 200, payload: [1, 2, 3, 4] }], { endTag: false }),
      /header tag 0 at offset 0x90: size 200 reaches beyond the header's end/,
    ],
    ['no end tag', header([RELOCATABLE], { endTag: false }), /without an end tag/],
  ];
  for (const [what, start, cause] of cases) {
    const segment = { paddr: 0x200000n, bytes: start, memsz: 0x10000 };
    await refused(t, what, buildElf({ segments: [segment], firstOffset: 0x80 }), cause);
  }
});

t.test('what is linked where no loader can put it', async (t) => {
  const start = header([RELOCATABLE]);
  const high = buildElf({
    segments: [{ paddr: 0xfffff000n, bytes: start, memsz: 0x2000 }],
    firstOffset: 0x80,
  });
  await refused(t, 'crosses 4 GiB', high, /not below 4 GiB; link the image lower/);
  const away = buildElf({ entry: 0x10n, segments: [{ paddr: 0x200000n, bytes: start }], firstOffset: 0x80 });
  await refused(t, 'entered from outside', away, /entry point 0x00000010 lies in no segment/);
});

t.test('a path that cannot be read', async (t) => {
  const folder = t.testdir({ xen: text(GOOD) });
  const load = (path: string, symbols?: string) => loadSubject('xen', path, symbols, 'x');
  await t.rejects(load(join(folder, 'none')), {
    name: 'SubjectError',
    message: /cannot read the image .*none: ENOENT/,
  });
  await t.rejects(load(folder), {
    name: 'SubjectError',
    message: /cannot read the image .*EISDIR.*; give a file/,
  });
  await t.rejects(load(join(folder, 'xen'), join(folder, 'none')), {
    message: /cannot read the symbol file .*none/,
  });
});

t.test('symbols must be those of the image', async (t) => {
  const build = t.testdir();
  const xen = smallXen(build);
  const other = smallXen(build, (source) => source.replace('mov $1, %edx', 'mov $2, %edx'));
  const folder = t.testdir({
    image: text(xen.imageFile),
    'xen-syms': text(xen.symbolFile),
    'other-syms': text(other.symbolFile),
  });
  const load = (symbols: string) => loadSubject('xen', join(folder, 'image'), join(folder, symbols), 'x');
  const { symbols, symbolsPath } = await load('xen-syms');
  t.equal(symbols?.linkTime('_start'), 0x200000);
  t.equal(symbolsPath, join(folder, 'xen-syms'));
  await t.rejects(load('other-syms'), {
    name: 'SubjectError',
    message:
      /other-syms: it is the symbol file of another image: their code differs; give the xen-syms of the same/,
  });
  await t.rejects(load('image'), { message: /image: the symbol file has no symbol _start/ });
});
