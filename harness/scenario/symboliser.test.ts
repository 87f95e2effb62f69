import t from 'tap';
import { smallXen } from '../xen/testdata/small-xen.ts';
import { symboliser } from './symboliser.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';

const { image, symbols } = smallXen(t.testdir());
const facts: SubjectFacts = {
  called: 'Xen',
  ...{ image, symbols, firmware: 'bios', protocol: 'multiboot2', relocatingLoader: true },
  ...{ loaderName: 'GRUB', arguments: '', moduleCount: 0 },
};
const here = (symbol: string, loadBase: number) =>
  BigInt(symbols.linkTime(symbol) + loadBase - image.loaded.linkBase);

t.test('names at the load base and at the high addresses', async (t) => {
  for (const loadBase of [0x200000, 0x3e00000, 0xf0000000]) {
    const name = symboliser(facts, loadBase);
    t.equal(name(here('trampoline_setup', loadBase)), 'trampoline_setup');
    t.equal(name(here('trampoline_setup', loadBase) + 0x1cn), 'trampoline_setup+0x1c');
    t.equal(name(symbols.linear('__start_xen')), '__start_xen');
    t.equal(name(BigInt(loadBase) - 1n), undefined, 'below the image');
    t.equal(name(BigInt(loadBase + image.loaded.loadSize)), undefined, 'above it');
  }
});

t.test('the link-time range is somebody else’s when the image is elsewhere, or nowhere', async (t) => {
  t.equal(symboliser(facts, 0x3e00000)(0x2000c0n), undefined);
  const notLoaded = symboliser(facts, undefined);
  t.equal(notLoaded(0x2000c0n), undefined);
  t.equal(notLoaded(symbols.linear('__high_start')), '__high_start');
});

t.test('the trampoline’s copy below 1 MiB', async (t) => {
  const copy = { start: 0x8f000, sizeBytes: 0x40 };
  const name = symboliser(facts, 0x3e00000, copy);
  t.match(name(0x8f000n), /^trampoline_start in the trampoline’s copy$/);
  t.match(name(0x8f03fn), / in the trampoline’s copy$/);
  t.equal(name(0x8f040n), undefined, 'past its end');
  t.equal(name(0x8efffn), undefined, 'before it');
  t.equal(symboliser(facts, 0x3e00000)(0x8f000n), undefined, 'where nobody knows of it');
});

t.test('far beyond the last symbol there is no name', async (t) => {
  t.equal(symboliser(facts, 0x3e00000)(0xffff82d0f0000000n), undefined);
});

t.test('without symbols the place within the image, and nothing else, has a name', async (t) => {
  const nameless = { ...facts, called: 'the kernel', symbols: undefined };
  const name = symboliser(nameless, 0x3e00000);
  t.equal(name(0x3e000c0n), 'the kernel+0xc0');
  t.equal(name(0x3e00000n), 'the kernel+0x0');
  t.equal(name(0x3dfffffn), undefined, 'below it');
  t.equal(name(0x3e00000n + BigInt(image.loaded.loadSize)), undefined, 'above it');
  t.equal(symboliser(nameless, undefined)(0x2000c0n), undefined, 'not loaded');
});
