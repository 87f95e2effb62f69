/** CLC, STC, CMC, CLD, STD (SDM 1 §7.3.13). CLI and STI: system.ts. */
import { FLAG, isCarry, setCarry } from '../state/flags.ts';
import { RFLAGS } from '../state/state-layout.ts';
import type { Family } from './operation.ts';

export const FLAG_CONTROL_FAMILY: Family = {
  clc: () => (cpu) => setCarry(cpu.words, false),
  stc: () => (cpu) => setCarry(cpu.words, true),
  cmc: () => (cpu) => setCarry(cpu.words, !isCarry(cpu.words)),
  cld: () => (cpu) => void (cpu.words[RFLAGS] = cpu.words[RFLAGS]! & ~FLAG.df),
  std: () => (cpu) => void (cpu.words[RFLAGS] = cpu.words[RFLAGS]! | FLAG.df),
};
