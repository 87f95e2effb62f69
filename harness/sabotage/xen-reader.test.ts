import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';
import { LINK_BASE, smallXen } from '../xen/testdata/small-xen.ts';
import { baseOffByTwoMib, pageTablesNotRelocated } from './relocation-patches.ts';
import { patched, xenReader } from './xen-reader.ts';

const small = smallXen(t.testdir());
const files = { image: small.imageFile, symbols: small.symbolFile };
const xen = xenReader(files, await loadDisassembler());

t.test('a patch goes to the same place of image and symbol file, and nowhere else', async (t) => {
  for (const find of [baseOffByTwoMib, pageTablesNotRelocated]) {
    const patches = find(xen);
    const broken = patched(files, patches);
    const symbols = new ImageSymbols(broken.symbols, LINK_BASE);
    for (const { linkTime, bytes } of patches)
      t.strictSame(
        Buffer.from(symbols.bytes(BigInt(linkTime) + symbols.virtualStart, bytes.length) ?? []),
        Buffer.from(bytes),
      );
    const size = patches.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (const [before, after] of [
      [parseBootImage(files.image).bytes, broken.image],
      [files.symbols, broken.symbols],
    ] as const) {
      const changed = after.filter((byte, i) => byte !== before[i]).length;
      t.ok(changed > 0 && changed <= size, `${changed} bytes of ${size}`);
    }
  }
});

t.test('places', async (t) => {
  t.equal(xen.linkTime('_start'), LINK_BASE);
  t.equal(xen.linkTimeAt(parseBootImage(files.image).loaded.segments[0]?.offset ?? 0), LINK_BASE);
  t.throws(() => xen.linkTimeOf('a text that is not there'), {
    name: 'SabotageImpossibleError',
    message: /there is no text “a text that is not there”/,
  });
});

t.test('a Xen without what is to be broken says so', async (t) => {
  const other = smallXen(t.testdir(), (source) => source.replace('sub $(1b - V), %esi', 'nop'));
  const reader = xenReader({ image: other.imageFile, symbols: other.symbolFile }, await loadDisassembler());
  t.throws(() => baseOffByTwoMib(reader), {
    name: 'SabotageImpossibleError',
    message: /call, pop, sub in __start/,
  });
});
