/** CLAIM: end states of the real Xen at two bases are symmetric but for the time stamp, which is the clock's, and what the real
 * firmware left on its stack; a store that went without the base, or was not made, is told by its symbol. */
import t from 'tap';
import { Symmetry, type Asymmetries } from './symmetry.ts';
import { BASES, goldenEnd, SpoiltEnd, type Firmware, type GoldenEnd } from './testdata/golden-ends.ts';
import { xenSymmetryFacts } from './xen-symmetry.ts';

/** The two machines were two: their clocks, and where an interrupt came while BIOS code ran on the trampoline's stack. */
const CLOCK = /^image\+0x[0-9a-f]+ \(boot_tsc_stamp(\+0x4)?\)$/;
const FIRMWARE_STACK = /^memory 0x0009e[0-9a-f]{3}$/;

const places = ({ first }: Asymmetries) =>
  first.map(({ place }) => place).filter((place) => !CLOCK.test(place) && !FIRMWARE_STACK.test(place));

const ends = new Map<Firmware, readonly [GoldenEnd, GoldenEnd]>();
let missing: string | undefined;
for (const firmware of ['bios', 'efi'] as const) {
  const [a, b] = [await goldenEnd(firmware, BASES[0]), await goldenEnd(firmware, BASES[1])];
  if (typeof a === 'string') missing = a;
  else if (typeof b === 'string') missing = b;
  else ends.set(firmware, [a, b]);
}
const needsImage = missing === undefined ? {} : { skip: missing };

t.test('the listed set', needsImage, async (t) => {
  const [a] = ends.get('bios')!;
  const { listed } = xenSymmetryFacts(a.symbols, a.image);
  t.same(
    listed.map(({ name, kind }) => [name, kind]),
    [
      ['l2_bootmap', 'indexed by address'],
      ['l2_directmap', 'indexed by address'],
    ],
  );
  t.ok(listed.every(({ because }) => because.length > 20));
});

t.test('real boots at two bases', needsImage, async (t) => {
  for (const [firmware, [a, b]] of ends) {
    const facts = xenSymmetryFacts(a.symbols, a.image);
    t.same(places(new Symmetry(a, facts).against(b)), [], firmware);
    t.same(places(new Symmetry(b, facts).against(a)), [], `${firmware}, to the lower base`);
    const without = new Symmetry(a, { ...facts, listed: [] });
    t.same(
      places(without.against(b)).map((place) => place.replace(/^.*\(|\+.*$/g, '')),
      [
        'l2_bootmap',
        'l2_bootmap',
        'l2_bootmap',
        'l2_bootmap',
        'l2_directmap',
        'l2_directmap',
        'l2_directmap',
        'l2_directmap',
      ],
      'all that is listed is needed',
    );
  }
});

t.test('defects', needsImage, async (t) => {
  const [a, b] = ends.get('efi')!;
  const symmetry = new Symmetry(a, xenSymmetryFacts(a.symbols, a.image));
  const end = new SpoiltEnd(b);
  const breaks = (what: string, spoil: () => void, place: string | RegExp) => {
    spoil();
    const found = places(symmetry.against(end));
    t.equal(found.length, 1, `${what}: ${found.join(', ')}`);
    t.match(found[0], place, what);
    end.mend();
  };
  const learnt = new Symmetry(a, xenSymmetryFacts(a.symbols, a.image), b);
  t.same(places(learnt.against(b)), [], 'its own second');
  const physicalStart = b.loadBase - b.image.linkBase;
  const at = (symbol: string, offset?: number) => end.at(symbol, offset);
  breaks('a store that was not made', () => end.put(at('multiboot_ptr'), 0), /\(multiboot_ptr\)$/);
  breaks('xen_phys_start forgotten', () => end.put(at('xen_phys_start'), 0), /\(xen_phys_start\)$/);
  breaks('the base twice', () => end.put(at('xen_phys_start'), 2 * physicalStart), /\(xen_phys_start\)$/);
  const entry = (8 * b.loadBase) / 0x20_0000;
  breaks(
    'a large page too low',
    () => end.put(at('l2_directmap', entry), end.word(at('l2_directmap', entry)) - 0x20_0000),
    /\(l2_directmap\+0x2000\)$/,
  );
  breaks(
    'a stray byte',
    () => end.memory.load(at('_start', 0x1001), Uint8Array.of(0x5a)),
    /^image\+0x1000 \(/,
  );
  breaks('low memory', () => end.put(0x7_0000, 0x1234), 'memory 0x00070000');
  t.same(places(symmetry.against(end)), [], 'all is mended');
});
