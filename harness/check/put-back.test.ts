/** CLAIM: after a run only what the run itself did is left of a changed image. */
import t from 'tap';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { putBack } from './put-back.ts';

const master = Uint8Array.of(1, 2, 3, 4);

t.test('changed bytes are put back, in copies, too; what was written since stays', (t) => {
  const memory = new PhysicalMemory('zero');
  memory.load(0x40_0000, Uint8Array.of(1, 0x22, 0x33, 4));
  memory.load(0x8000, Uint8Array.of(0x22, 0x99));
  const { generation } = memory.page(0x400);
  putBack(memory, [{ offset: 1, bytes: Uint8Array.of(0x22, 0x33), copiedTo: [0x8000] }], master, 0x40_0000);
  t.same([...memory.read(0x40_0000, 4)], [1, 2, 3, 4]);
  t.same([...memory.read(0x8000, 2)], [2, 0x99]);
  t.not(memory.page(0x400).generation, generation, 'what was decoded of it is not executed again');
  t.end();
});

t.test('memory that nobody spoke of stays so', (t) => {
  const memory = new PhysicalMemory('unknown');
  putBack(memory, [{ offset: 0, bytes: Uint8Array.of(9) }], master, 0x40_0000);
  t.notOk(memory.has(0x400));
  t.end();
});
