import t from 'tap';
import { PhysicalMemory } from '../memory/physical-memory.ts';
import { writeField } from '../state/state-layout.ts';
import { Cpu } from './cpu.ts';
import { flatState } from './testdata/flat-state.ts';

/** A 32-bit page table entry: present, writable. */
const entry = (address: number) => Uint8Array.of(3, (address >> 8) & 0xff, (address >> 16) & 0xff, 0);

t.test('page tables that are loaded from outside count at once, when the CPU is told', (t) => {
  const memory = new PhysicalMemory('zero');
  memory.load(0x1000, entry(0x2000));
  memory.load(0x2000 + 4 * 4, entry(0x5000));
  memory.load(0x5000, Uint8Array.of(5));
  memory.load(0x6000, Uint8Array.of(6));
  const cpu = new Cpu(memory);
  const state = flatState(32);
  writeField(state, 'cr3', 0x1000n);
  writeField(state, 'cr0', 0x8000_0011n);
  cpu.load(state);
  t.equal(cpu.memory.read8(0x4000, 0), 5);
  memory.load(0x2000 + 4 * 4, entry(0x6000));
  t.equal(cpu.memory.read8(0x4000, 0), 5, 'as a CPU keeps a translation');
  cpu.memoryLoaded();
  t.equal(cpu.memory.read8(0x4000, 0), 6);
  t.end();
});
