import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { readField, writeField, STATE_WORDS } from '../state/state-layout.ts';
import { PhysicalMemory } from '../memory/physical-memory.ts';
import { CodeCache } from './code-cache.ts';
import { CodeStore } from './code-store.ts';
import { Cpu } from './cpu.ts';
import { flatState } from './testdata/flat-state.ts';
import { run, step } from './step.ts';

const store = new CodeStore(await loadDisassembler());

t.test('a loop in 32-bit code', (t) => {
  const memory = new PhysicalMemory('zero');
  // mov $10,%ecx; xor %eax,%eax; 1: add %ecx,%eax; mov %eax,0x3000; dec %ecx; jnz 1b; hlt
  memory.load(0x1000, Buffer.from('b90a00000031c001c8a30030000049 75f6f4'.replaceAll(' ', ''), 'hex'));
  const cpu = new Cpu(memory);
  const state = flatState(32);
  writeField(state, 'rip', 0x1000n);
  cpu.load(state);
  const code = new CodeCache(store);
  t.equal(step(cpu, code), undefined);
  t.equal(readField(cpu.words, 'rip'), 0x1005n);
  const { executed, reason } = run(cpu, code, 1000);
  t.equal(readField(cpu.words, 'rax'), 55n);
  t.equal(memory.read(0x3000, 1)[0], 55);
  t.match({ executed, reason }, { executed: 41, reason: { kind: 'halted' } });
  t.equal(cpu.state().length, STATE_WORDS);
  t.end();
});
