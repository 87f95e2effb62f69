/** CLAIM: code that an image copied below 1 MiB is known by its bytes, though some are changed; what is not its own is not. */
import t from 'tap';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { LowCopies } from './low-copies.ts';

const LINK_BASE = 0x20_0000;
const [FROM, SIZE] = [0x2000, 0x100];
const mixed = (at: number) => Math.imul(at + 1, 0x9e37_79b1);
const master = Uint8Array.from(
  { length: 0x4000 },
  (_, at) => Math.imul(mixed(at) ^ (mixed(at) >>> 15), 0x85eb_ca6b) >>> 24,
);

function memoryWith(address: number): PhysicalMemory {
  const memory = new PhysicalMemory('zero');
  memory.load(
    address,
    master.slice(FROM, FROM + SIZE).map((byte, at) => (at % 40 === 0 ? ~byte : byte)),
  );
  return memory;
}

t.test('found where it lies, at each base anew', (t) => {
  const copies = new LowCopies({ master, linkBase: LINK_BASE });
  for (const address of [0x8f000, 0x90000, 0x8f000]) {
    const [copy, ...more] = copies.around(memoryWith(address), [
      BigInt(address + 0x92),
      BigInt(address + 0x93),
    ]);
    t.same(more, []);
    t.equal(copy && copy.linkTime - copy.address, LINK_BASE + FROM - address);
    t.ok(copy && copy.address >= address - 15 && copy.sizeBytes <= SIZE + 30, 'as far as bytes are alike');
  }
  t.end();
});

t.test('none', (t) => {
  const copies = new LowCopies({ master, linkBase: LINK_BASE });
  for (let time = 0; time < 10; time++) t.same(copies.around(new PhysicalMemory('zero'), [0x8f092n]), []);
  t.same(copies.around(memoryWith(0x8f000), [0x50_0000n]), [], 'not below 1 MiB');
  t.end();
});
