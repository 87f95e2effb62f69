import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseElf } from '../elf/elf-image.ts';
import { parseMultiboot2Header } from '../multiboot2/image-header.ts';
import { loadedImage } from '../multiboot2/loaded-image.ts';
import { relocatableTag } from '../multiboot2/relocatable-tag.ts';
import type { BuildProgress } from '../toolchain/toolchain-context.ts';
import { projectRoot } from '../workdir/project-root.ts';
import { specimenBuild, type SpecimenBuild } from './build.ts';
import { PROBE_VARIANTS, type ProbeVariant } from './probe-variants.ts';

const folder = t.testdir();
const context = (name: string, onProgress: (event: BuildProgress) => void = () => {}) => ({
  cacheRoot: join(folder, name),
  onProgress,
});
const built = specimenBuild('probe', context('cache'));

/** A copy of the sources to be edited. */
function sourcesOf(name: string): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'specimens'), { recursive: true });
  cpSync(join(projectRoot(), 'specimens', 'probe'), join(root, 'specimens', 'probe'), { recursive: true });
  return root;
}

const bytesOf = ({ images }: SpecimenBuild) =>
  new Map([...images].map(([name, path]) => [name, readFileSync(path)]));

async function inspect(variant: ProbeVariant) {
  const elf = parseElf(readFileSync((await built).images.get(variant)!));
  return { elf, loaded: loadedImage(elf), header: parseMultiboot2Header(elf.bytes) };
}

const tagTypes = ({ header }: Awaited<ReturnType<typeof inspect>>) => header.tags.map(({ type }) => type);

t.test('every variant is there, small, and made once', async (t) => {
  const { images, directory, digest } = await built;
  t.strictSame([...images.keys()], PROBE_VARIANTS);
  for (const [name, path] of images) t.ok(readFileSync(path).length < 32 * 1024, name);
  t.match(digest, /^[0-9a-f]{64}$/);
  const events: BuildProgress[] = [];
  const again = await specimenBuild(
    'probe',
    context('cache', (event) => events.push(event)),
  );
  t.same([again.directory, events], [directory, []]);
});

t.test('two builds in two folders have the same bytes', async (t) => {
  const other = await specimenBuild('probe', context('elsewhere/deeper'), sourcesOf('another-root'));
  t.equal(other.digest, (await built).digest);
  t.not(other.directory, (await built).directory);
  t.strictSame(bytesOf(other), bytesOf(await built));
});

t.test('the plain probe: one segment, relocatable, both entries', async (t) => {
  const probe = await inspect('probe');
  t.match(probe.loaded, { linkBase: 0x20_0000, segments: { length: 1 } });
  t.match(relocatableTag(probe.header), {
    minAddr: 0x10_0000,
    maxAddr: 0xffff_ffff,
    align: 0x1000,
    preference: 'none',
    required: false,
  });
  t.strictSame(tagTypes(probe), [
    ...['informationRequest', 'moduleAlignment', 'efiBootServices', 'entryAddressEfi64', 'relocatable'],
  ]);
});

t.test(
  'segments: the last in memory stands on the byte after the BSS, and is loaded before it',
  async (t) => {
    for (const variant of ['probe-segments', 'probe-segments-high-vaddr'] as const) {
      const { loaded, elf } = await inspect(variant);
      const [tail, , , data] = loaded.segments;
      t.equal(loaded.segments.length, 4);
      t.ok(data!.memsz > data!.filesz + 0xf000);
      t.equal(tail!.paddr, data!.paddr + BigInt(data!.memsz));
      const vaddrs = elf.segments.map(({ vaddr }) => vaddr);
      t.strictSame(vaddrs, vaddrs.toSorted(), 'in the order that the ABI wants');
    }
  },
);

t.test('high vaddr: the entry is virtual, the tag’s entry physical', async (t) => {
  const { elf, loaded, header } = await inspect('probe-high-vaddr');
  const [segment] = loaded.segments;
  t.equal(segment!.vaddr - segment!.paddr, 0x4000_0000n);
  t.equal(elf.entry, BigInt(loaded.entry) + 0x4000_0000n);
  const tag = header.tags.find(({ type }) => type === 'entryAddressEfi64');
  t.ok(tag?.type === 'entryAddressEfi64' && tag.entryAddr > 0x20_0000 && tag.entryAddr < 0x20_2000);
});

t.test('large BSS, no boot services, fixed', async (t) => {
  t.ok((await inspect('probe-large-bss')).loaded.loadSize > 0x100_0000);
  t.notOk(tagTypes(await inspect('probe-no-boot-services')).some((type) => /^efi|Efi/.test(type)));
  const fixed = await inspect('probe-fixed');
  t.equal(relocatableTag(fixed.header), undefined);
  t.equal(fixed.loaded.linkBase, 0x40_0000);
});

t.test('the 64-bit entry: one segment where GRUB puts it, and the symbol table that it wants', async (t) => {
  const { images } = await specimenBuild('bios-64bit-entry', context('cache'));
  const bytes = readFileSync(images.get('bios-64bit-entry')!);
  const elf = parseElf(bytes);
  t.match(elf, { entry: 0x20_0000n, segments: [{ vaddr: 0x20_0000n, paddr: 0x20_0000n }] });
  t.equal(bytes[4], 2, 'ELFCLASS64');
  t.ok(bytes.includes('.symtab'));
});

async function fails(t: Test, name: string, edit: (text: string) => string, message: RegExp): Promise<void> {
  const root = sourcesOf(name);
  const file = join(root, 'specimens', 'probe', 'probe.S');
  writeFileSync(file, edit(readFileSync(file, 'utf8')));
  await t.rejects(specimenBuild('probe', context(`cache-${name}`), root), {
    name: 'BuildFailedError',
    message,
  });
}

t.test('what does not assemble is told with its first error, a warning likewise', async (t) => {
  const nonsense = /building specimen-probe failed in "assemble probe\S*": .*no such instruction/;
  await fails(t, 'error', (text) => `${text}\n nonsense %eax\n`, nonsense);
  await fails(t, 'warning', (text) => `${text}\n .warning "told to"\n`, /told to/);
  await fails(t, 'link', (text) => `${text}\n jmp nowhere\n`, /undefined reference to .nowhere/);
});

t.test('other sources, another entry', async (t) => {
  const root = sourcesOf('edited');
  const file = join(root, 'specimens', 'probe', 'variant.h');
  writeFileSync(file, `${readFileSync(file, 'utf8')}/* more */\n`);
  t.not((await specimenBuild('probe', context('cache'), root)).digest, (await built).digest);
});

t.test('no sources', async (t) => {
  const empty = t.testdir();
  await t.rejects(specimenBuild('probe', context('cache'), empty), { code: 'ENOENT', path: /specimens/ });
});
