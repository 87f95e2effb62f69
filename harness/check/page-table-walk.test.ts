/** CLAIM: the walk comes by every present entry, tells where it leads, and names each that breaks a rule; it ends on any input. */
import t from 'tap';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { walkPageTables, type PagingFacts } from './page-table-walk.ts';

const FACTS: PagingFacts = { physicalBits: 40, hasExecuteDisable: true };

/** Entries by `table:index`, tables at their physical addresses. */
function tables(entries: Readonly<Record<string, bigint>>, facts = FACTS, cr3 = 0x1000n) {
  const memory = new PhysicalMemory('zero');
  for (const [place, value] of Object.entries(entries)) {
    const [table, index] = place.split(':').map(Number);
    memory.load(table! + 8 * index!, new Uint8Array(BigUint64Array.of(value).buffer));
  }
  return walkPageTables(memory, cr3, facts);
}

/** One of each level; the last is empty. */
const GOOD = { '0x1000:0': 0x2063n, '0x2000:0': 0x3063n, '0x3000:0': 0x4063n, '0x4000:511': 0n };

t.test('pages of each size, in both halves', async (t) => {
  const {
    mappings,
    tables: seen,
    bad,
    isCut,
  } = tables({
    ...GOOD,
    ...{ '0x4000:3': 0x8063n, '0x4000:4': 0x9063n, '0x4000:5': 0xa061n, '0x4000:6': 0xc061n },
    ...{ '0x3000:2': 0x7fe0_01e3n, '0x2000:1': 0xc000_01e3n },
    ...{ '0x1000:256': 0x2063n },
  });
  t.same({ bad, isCut }, { bad: [], isCut: false });
  t.same(seen.map(({ physical, level }) => [physical, level]).slice(0, 4), [
    [0x1000, 4],
    [0x2000, 3],
    [0x3000, 2],
    [0x4000, 1],
  ]);
  const low = mappings.filter(({ linear }) => linear < 1n << 47n);
  t.same(
    low.map(({ linear, physical, sizeBytes, pageBytes }) => [linear, physical, sizeBytes, pageBytes]),
    [
      [0x3000n, 0x8000, 0x2000, 0x1000],
      [0x5000n, 0xa000, 0x1000, 0x1000],
      [0x6000n, 0xc000, 0x1000, 0x1000],
      [0x40_0000n, 0x7fe0_0000, 0x20_0000, 0x20_0000],
      [0x4000_0000n, 0xc000_0000, 0x4000_0000, 0x4000_0000],
    ],
  );
  t.equal(mappings[low.length]?.linear, 0xffff_8000_0000_3000n, 'canonical');
  t.same(mappings[1]?.entry.value, 0xa061n);
});

t.test('flags of CR3 and a large page’s memory type are no address', async (t) => {
  const { mappings } = tables({ ...GOOD, '0x3000:1': 0x60_11e3n }, FACTS, 0x1018n);
  t.match(mappings, [{ linear: 0x20_0000n, physical: 0x60_0000 }]);
});

t.test('reserved bits', async (t) => {
  const bad = (entries: Record<string, bigint>, facts = FACTS) =>
    tables({ ...GOOD, ...entries }, facts).bad.map(({ problem, table, index }) => [
      problem,
      table.level,
      index,
    ]);
  t.same(bad({ '0x1000:7': 0x20e3n }), [['reserved bits', 4, 7]], 'a PML4 entry has no large page');
  t.same(bad({ '0x2000:7': 0x8000_20e3n }), [['reserved bits', 3, 7]], 'between 4 KiB and 1 GiB');
  t.same(bad({ '0x3000:7': 0x8010_00e3n }), [['reserved bits', 2, 7]], 'between 4 KiB and 2 MiB');
  t.same(
    bad({ '0x4000:7': (1n << 40n) | 0x8063n }),
    [['reserved bits', 1, 7]],
    'beyond the physical address',
  );
  t.same(bad({ '0x4000:7': (1n << 39n) | 0x8063n }), []);
  t.same(bad({ '0x4000:7': (1n << 63n) | 0x8063n }), [], 'execute disable');
  t.same(bad({ '0x4000:7': (1n << 63n) | 0x8063n }, { ...FACTS, hasExecuteDisable: false }), [
    ['reserved bits', 1, 7],
  ]);
  t.same(bad({ '0x4000:7': (1n << 52n) | 0x8063n }), [], 'ignored');
});

t.test('a table where nothing is', async (t) => {
  t.match(tables({ ...GOOD, '0x3000:9': 0x7_0063n }).bad, [
    { problem: 'no such memory', index: 9, value: 0x7_0063n },
  ]);
  t.match(tables({}, FACTS, 0x5_0000n), { mappings: [], tables: { length: 1 } });
});

t.test('tables that lead to themselves', async (t) => {
  const entries = Object.fromEntries(Array.from({ length: 512 }, (_, index) => [`0x1000:${index}`, 0x1063n]));
  t.ok(tables(entries).isCut);
});
