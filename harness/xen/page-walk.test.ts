import t from 'tap';
import { walkPageTables } from './page-walk.ts';
import { MemoryGuest } from '../guest/testdata/memory-guest.ts';

const [PML4, L3, L2, L1] = [0x1000, 0x2000, 0x3000, 0x4000];
const [TABLE, LEAF, LARGE] = [0x63n, 0x63n, 0xe3n];

/** Table entries for linear 0xffff82d040212345: SDM 3A §4.5, indices 261, 321, 1 and 0x12. */
const LINEAR = 0xffff82d040212345n;
function guest(entries: readonly (readonly [address: number, value: bigint])[]): MemoryGuest {
  const memory = new MemoryGuest();
  for (const [address, value] of entries) memory.writeU64(address, value);
  return memory;
}
const top: [number, bigint] = [PML4 + 261 * 8, BigInt(L3) | TABLE];
const third: [number, bigint] = [L3 + 321 * 8, BigInt(L2) | TABLE];

t.test('a 4 KiB page, a 2 MiB page and a 1 GiB page', async (t) => {
  const walk = (memory: MemoryGuest) => walkPageTables(memory, BigInt(PML4), LINEAR);
  const small = guest([top, third, [L2 + 8, BigInt(L1) | TABLE], [L1 + 0x12 * 8, 0x7654000n | LEAF]]);
  t.equal(await walk(small), 0x7654345n);
  // Bit 12 is PAT in a large page, not part of its address.
  t.equal(await walk(guest([top, third, [L2 + 8, 0x3e00000n | LARGE | 0x1000n]])), 0x3e12345n);
  t.equal(await walk(guest([top, [L3 + 321 * 8, 0x8000000000000000n | 0x40000000n | LARGE]])), 0x40212345n);
});

t.test('cleared or preset bits of CR3 are no part of the address', async (t) => {
  const memory = guest([top, third, [L2 + 8, 0x3e00000n | LARGE]]);
  t.equal(await walkPageTables(memory, BigInt(PML4) | 0x18n, LINEAR), 0x3e12345n);
});

t.test('an entry that is not present at any level maps nothing', async (t) => {
  const levels = [top, third, [L2 + 8, BigInt(L1) | TABLE], [L1 + 0x12 * 8, 0x7654000n | LEAF]] as const;
  for (const missing of levels.keys()) {
    const memory = guest(levels.map(([at, value], i) => [at, i === missing ? value & ~1n : value]));
    t.equal(await walkPageTables(memory, BigInt(PML4), LINEAR), undefined, `level ${4 - missing}`);
  }
});

t.test('a table beyond memory is an error, not an answer', async (t) => {
  const wild = guest([[PML4 + 261 * 8, 0x000ffffffffff000n | TABLE]]);
  await t.rejects(walkPageTables(wild, BigInt(PML4), LINEAR), /nothing at 0xf/);
});
