/** CLAIM: whatever differs otherwise than by the base is told by its place, but for what the list describes; a table that is
 * indexed by address must hold exactly what its rule says. */
import t from 'tap';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import type { EndState } from './end-state.ts';
import type { ListedPlace } from './listed-places.ts';
import { Symmetry, type SymmetryFacts } from './symmetry.ts';

const IMAGE_BYTES = 0x40_0000;
const [A, B] = [0x100_0000, 0x9000_0000];
const MIB_2 = 0x20_0000;

/** A pointer at 0x10, a 64-bit one at 0x2008, a table of four pages at 0x4000, in low memory the base at 0x500. */
function endAt(loadBase: number): EndState & { put: (address: number, value: number) => void } {
  const memory = new PhysicalMemory('zero');
  const words = new Int32Array(STATE_WORDS);
  const put = (address: number, value: number) =>
    memory.load(address, new Uint8Array(Uint32Array.of(value).buffer));
  writeField(words, 'rax', 7n);
  writeField(words, 'cr3', BigInt(loadBase + 0x5000));
  put(loadBase + 0x10, loadBase + 0x1234);
  put(loadBase + 0x2008, loadBase + 1);
  put(loadBase + 0x200c, 0xffff_82d0);
  const slot = loadBase / MIB_2;
  put(loadBase + 0x4000, loadBase + 0x3063);
  for (const page of [0, 1]) put(loadBase + 0x4000 + 8 * (slot + page), loadBase + page * MIB_2 + 0x1e3);
  put(0x500, loadBase);
  put(0x600, 0x1111);
  return { loadBase, words, memory, put };
}

const table: ListedPlace = {
  ...{ kind: 'indexed by address', name: 'table', offset: 0x4000, sizeBytes: 0x4000, pageBytes: MIB_2 },
  because: 'it maps the image where it is',
};
const facts: SymmetryFacts = {
  imageBytes: IMAGE_BYTES,
  fixed: [{ start: 0, end: 0x1000 }],
  listed: [table],
  nameOf: (offset) =>
    offset >= 0x2000 && offset < 0x3000 ? `data+0x${(offset - 0x2000).toString(16)}` : undefined,
};

const against = (change: (here: ReturnType<typeof endAt>) => void, use = facts, loadBase = B) => {
  const symmetry = new Symmetry(endAt(A), use);
  const here = endAt(loadBase);
  change(here);
  return symmetry.against(here);
};

t.test('nothing is asymmetric in a boot that keeps its base, at any other', async (t) => {
  const symmetry = new Symmetry(endAt(A), facts);
  for (const base of [A, 0x20_0000, 0x3fe0_0000, 0x7fe0_0000, B, 0xffc0_0000, 0x120_0000])
    t.same(symmetry.against(endAt(base)), { first: [], count: 0 });
});

t.test('each kind of place speaks', async (t) => {
  const places = (change: (here: ReturnType<typeof endAt>) => void) =>
    against(change).first.map(({ place, reference, here }) => [place, reference, here]);
  t.same(
    places(({ words }) => writeField(words, 'rax', 8n)),
    [['rax', 7n, 8n]],
  );
  t.same(
    places(({ words }) => writeField(words, 'cr3', 0x100_5000n + 0x20_0000n)),
    [['cr3', 0x100_5000n, 0x120_5000n]],
  );
  t.same(
    places(({ put }) => put(B + 0x2008, B + 2)),
    [['image+0x2008 (data+0x8)', 0x100_0001n, 0x9000_0002n]],
  );
  t.same(
    places(({ put }) => put(B + 0x3f_fffc, 1)),
    [['image+0x3ffffc', 0n, 1n]],
  );
  t.same(
    places(({ put }) => put(0x600, 0x1112)),
    [['memory 0x00000600', 0x1111n, 0x1112n]],
  );
});

t.test('where to look for it, at either base', async (t) => {
  const { first } = against(
    ({ put, words }) => (put(B + 0x2008, 3), put(0x600, 1), writeField(words, 'rbx', 1n)),
  );
  t.same(
    first.map(({ at }) => at),
    [
      { kind: 'register', field: 'rbx' },
      { kind: 'memory', reference: A + 0x2008, here: B + 0x2008 },
      { kind: 'memory', reference: 0x600, here: 0x600 },
    ],
  );
});

t.test('a table indexed by address', async (t) => {
  const slot = (base: number) => 0x4000 + (8 * base) / MIB_2;
  const offsets = (change: (here: ReturnType<typeof endAt>) => void) =>
    against(change).first.map(({ place }) => place);
  const at = (base: number) => `image+0x${slot(base).toString(16)}`;
  t.same(
    offsets(({ put }) => put(B + slot(B), 0)),
    [at(B)],
    'an entry is not there',
  );
  t.same(
    offsets(({ put }) => put(B + slot(A), A + 0x1e3)),
    [at(A)],
    'the reference base’s entry is there too',
  );
  t.same(
    offsets(({ put }) => put(B + slot(B), B + MIB_2 + 0x1e3)),
    [at(B)],
    'it maps another page',
  );
  t.same(
    offsets(({ put }) => put(B + 0x4000, A + 0x3063 + MIB_2)),
    ['image+0x4000'],
    'its first entry is another',
  );
});

t.test('what may be anything', async (t) => {
  const listed: ListedPlace[] = [
    table,
    { kind: 'anything', name: 'clock', offset: 0x2010, sizeBytes: 8, because: 'it is the time' },
  ];
  const change = ({ put }: ReturnType<typeof endAt>) =>
    [0x200c, 0x2010, 0x2014, 0x2018].forEach((offset) => put(B + offset, 9));
  t.same(
    against(change, { ...facts, listed }).first.map(({ place }) => place),
    ['image+0x200c (data+0xc)', 'image+0x2018 (data+0x18)'],
  );
});

t.test('very many are counted, the first shown', async (t) => {
  const found = against(({ put }) => {
    for (let offset = 0x10_0000; offset < 0x10_1000; offset += 4) put(B + offset, 5);
  });
  t.match(found, { count: 1024, first: { length: 16 } });
});

t.test('a base that is not page aligned is compared as well', async (t) => {
  const use = { ...facts, listed: [] };
  const symmetry = new Symmetry(endAt(A), use);
  const here = endAt(A + 0x10);
  const named = symmetry.against(here).first.map(({ place }) => place);
  t.equal(named.length, 0, named.join(' '));
  here.put(A + 0x10 + 0x3000, 1);
  t.equal(symmetry.against(here).first[0]?.place, 'image+0x3000');
});

t.test('what moves is learnt from a second run', async (t) => {
  const symmetry = new Symmetry(endAt(A), facts, endAt(0x4000_0000));
  const places = (change: (here: ReturnType<typeof endAt>) => void, loadBase = B) => {
    const here = endAt(loadBase);
    change(here);
    return symmetry.against(here).first.map(({ place }) => place);
  };
  for (const base of [A, 0x20_0000, 0x7fe0_0000, B, 0xffc0_0000])
    t.same(
      places(() => undefined, base),
      [],
    );
  t.same(
    places(({ put }) => put(B + 0x10, A + 0x1234)),
    ['image+0x10'],
    'a pointer that did not move',
  );
  t.same(
    places(({ put }) => put(0x500, A)),
    ['memory 0x00000500'],
  );
  t.same(
    places(({ put }) => put(0x600, 0x1111 + B - A)),
    ['memory 0x00000600'],
    'a number that did',
  );
  t.same(
    places(({ words }) => writeField(words, 'cr3', BigInt(A + 0x5000))),
    ['cr3'],
  );
  t.same(
    places(({ words }) => writeField(words, 'rax', BigInt(7 + B - A))),
    ['rax'],
  );
  t.throws(() => new Symmetry(endAt(A), facts, endAt(A)), RangeError);
});

t.test('memory that nobody spoke of stays so', async (t) => {
  const here = endAt(B);
  new Symmetry(endAt(A), facts).against(here);
  t.notOk(here.memory.has((B + 0x10_0000) / 0x1000));
});
