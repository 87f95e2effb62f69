/** CLAIM: what GRUB says of its choice is read, in each way that it says it, and nothing else is taken for it. */
import t from 'tap';
import { LOADER_PROMPT, readLoaderReport } from './console.ts';

const said = (...lines: string[]) =>
  readLoaderReport(['loadbase: choice small', 'loadbase: loading', ...lines].join('\n'), 'bios');

t.test('an ELF image, in lines that are wrapped at 80 columns', async (t) => {
  const report = said(
    'loader/multiboot.c:129: relocatable=1, link_base_addr=0x200000,',
    'load_base_addr=0x3e00000',
    'loadbase: loaded',
  );
  t.match(report, { choice: 'small', loadBase: 0x3e0_0000, relocatable: true, errors: [] });
});

t.test('an image that an address header tag lays out', async (t) => {
  const line = (relocatable: number) => [
    'loader/multiboot_mbi2.c:322: link_base_addr=0x400000, load_base_addr=0x40b000,',
    `load_size=0x90, relocatable=${relocatable}`,
  ];
  t.match(said(...line(0)), { loadBase: 0x40_b000, relocatable: false });
  t.match(said(...line(1)), { loadBase: 0x40_b000, relocatable: true });
});

t.test('nothing was chosen, or it was said before the image was loaded', async (t) => {
  t.match(said('error: unsupported tag: 0x4c42.'), {
    loadBase: undefined,
    relocatable: undefined,
    errors: ['unsupported tag: 0x4c42'],
  });
  const early = 'relocatable=1, link_base_addr=0x200000, load_base_addr=0x3e00000\nloadbase: loading\n';
  t.equal(readLoaderReport(early, 'bios').loadBase, undefined);
});

t.test('a memory map that cannot be read is none', async (t) => {
  const text = 'loadbase: memory map\nbase_addr = what?\nloadbase: memory map end\n';
  t.equal(readLoaderReport(text, 'bios').memoryMap, undefined);
});

t.test('the prompt, of GRUB whole and of GRUB in need', async (t) => {
  for (const line of ['grub> ', 'grub>', 'grub rescue> ']) t.match(line, LOADER_PROMPT);
  for (const line of ['grub> ls', ' grub> ']) t.notMatch(line, LOADER_PROMPT);
});
