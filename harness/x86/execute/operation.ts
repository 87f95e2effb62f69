/** What an instruction becomes: a function that does it. */
import type { ExecutableInstruction } from '../instruction.ts';
import type { Bitness, Cpu } from './cpu.ts';

/**
 * Does one instruction. The instruction pointer is behind it already (SDM 1 §3.5). Where it throws a GuestFault or a
 * ModelStop, nothing that the SDM keeps may have changed: memory is accessed before registers are written.
 */
export type Operation = (cpu: Cpu) => void;

/** The code segment's default size. */
export interface Setting {
  readonly bitness: Bitness;
}

/** @returns undefined where this form has no semantics here. */
export type Build = (instruction: ExecutableInstruction, setting: Setting) => Operation | undefined;

/** By mnemonic. */
export type Family = Readonly<Record<string, Build>>;
