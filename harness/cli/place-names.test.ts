/** CLAIM: an address has its symbol and source line where the image runs as well as where it is linked. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadSubject } from '../scenario/subject.ts';
import { LINK_BASE, smallXen } from '../xen/testdata/small-xen.ts';
import { type LoadedPlace, placeNames } from './place-names.ts';

const BASE = 0x3e0_0000;
const place: LoadedPlace = {
  linkBase: LINK_BASE,
  loadBase: BASE,
  segments: [{ physicalAddress: BASE, memorySizeBytes: 0x4000 }],
};

t.test('symbols', async (t) => {
  const folder = t.testdir({});
  const xen = smallXen(folder);
  writeFileSync(join(folder, 'image'), xen.imageFile);
  writeFileSync(join(folder, 'syms'), xen.symbolFile);
  const { symbols } = await loadSubject('xen', join(folder, 'image'), join(folder, 'syms'), 'small');
  const linked = xen.symbols.linear('trampoline_setup');
  const loaded = BigInt(xen.symbols.linkTime('trampoline_setup') + BASE - LINK_BASE);
  const names = await placeNames(place, { symbols, symbolsPath: undefined }, []);
  t.equal(names.symbol(linked), 'trampoline_setup');
  t.equal(names.symbol(loaded), 'trampoline_setup');
  t.equal(names.symbol(loaded + 1n), 'trampoline_setup+0x1');
  t.equal(names.sourceLine(loaded), undefined);
});

t.test('no symbols, no names', async (t) => {
  const names = await placeNames(place, { symbols: undefined, symbolsPath: undefined }, [1n]);
  t.equal(names.symbol(1n), undefined);
  t.equal(names.sourceLine(1n), undefined);
});
