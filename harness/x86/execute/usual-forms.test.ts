/** Each usual form does what the general families do: the same states afterwards, flags included. */
import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import type { ExecutableInstruction } from '../instruction.ts';
import { PhysicalMemory } from '../memory/physical-memory.ts';
import { writeField } from '../state/state-layout.ts';
import { ARITHMETIC_FAMILY } from './arithmetic.ts';
import { type Bitness, Cpu } from './cpu.ts';
import { DATA_TRANSFER_FAMILY } from './data-transfer.ts';
import { flatState } from './testdata/flat-state.ts';
import { USUAL_FORMS } from './usual-forms.ts';

const disassembler = await loadDisassembler();
const GENERAL_FAMILIES = { ...ARITHMETIC_FAMILY, ...DATA_TRANSFER_FAMILY };

/** Small, and the same every time (xorshift32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state | 0;
  };
}

const NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];

function stateAfter(
  instruction: ExecutableInstruction,
  bitness: Bitness,
  family: typeof USUAL_FORMS,
  seed: number,
): { state: string; memory: string } | undefined {
  const operation = family[instruction.mnemonic]?.(instruction, { bitness });
  if (!operation) return undefined;
  const next = numbers(seed);
  const memory = new PhysicalMemory('zero');
  memory.load(
    0x3000,
    Uint8Array.from({ length: 4096 }, () => next()),
  );
  const cpu = new Cpu(memory);
  const state = flatState(bitness);
  for (const name of NAMES) {
    const low = BigInt(next() >>> 0);
    writeField(state, name, bitness === 64 ? low | (BigInt(next() >>> 0) << 32n) : low);
  }
  // Memory forms are at (%esi) and (%rsi), with displacements below a page.
  writeField(state, 'rsi', 0x3400n);
  writeField(state, 'rflags', BigInt(2 | (next() & 0x8d5)));
  cpu.load(state);
  operation(cpu);
  return {
    state: [...cpu.state()].join(),
    memory: Buffer.from(memory.read(0x3000, 4096)).toString('hex'),
  };
}

/** Registers: every pair; memory: at (%esi) with no, a small negative and a larger displacement. */
function encodings(bitness: Bitness): string[] {
  const byte = (value: number) => (value & 0xff).toString(16).padStart(2, '0');
  const registers = Array.from({ length: 64 }, (_, index) => byte(0xc0 | index));
  const memory = [0, 1, 2, 3, 5, 7].flatMap((register) => {
    const field = register << 3;
    return [byte(6 | field), `${byte(0x46 | field)}f0`, `${byte(0x86 | field)}20010000`];
  });
  const prefixes = bitness === 64 ? ['', '48'] : [''];
  const opcodes = ['89', '8b', '01', '03', '29', '2b', '39', '3b', '85', '21', '23', '31', '33', '0fb6'];
  const operands = [...registers, ...memory];
  const immediates = ['81c0', '81e9', '81fa', '81e3', '81f5', 'f7c7'].map((start) => `${start}fffffff0`);
  return [
    ...prefixes.flatMap((prefix) =>
      opcodes.flatMap((opcode) => operands.map((each) => prefix + opcode + each)),
    ),
    ...[...immediates, 'b8ffffff80', '83c0ff', '83f801'],
  ];
}

for (const bitness of [32, 64] as const)
  t.test(`${bitness}-bit code`, (t) => {
    let compared = 0;
    for (const code of encodings(bitness)) {
      const instruction = disassembler.decodeExecutable(Buffer.from(code, 'hex'), bitness);
      if (!instruction) continue;
      for (const seed of [1, 0x1234_5678, -99]) {
        const usual = stateAfter(instruction, bitness, USUAL_FORMS, seed);
        if (!usual) continue;
        compared++;
        const general = stateAfter(instruction, bitness, GENERAL_FAMILIES, seed);
        if (usual.state !== general?.state || usual.memory !== general.memory)
          t.fail(`${instruction.code} ${code}, seed ${seed}`, {
            usual: usual.state,
            general: general?.state,
          });
      }
    }
    t.ok(compared > 1000, `${compared} compared`);
    t.end();
  });
