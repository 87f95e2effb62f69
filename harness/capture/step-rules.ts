/** What an instruction about to be stepped may do that the stub's registers do not show, and where it goes. Pure. */
import type { Instruction, MemoryOperand } from '../x86/instruction.ts';
import { ATTRIBUTES, CS, EFER, readField, segmentWord } from '../x86/state/state-layout.ts';

const SEGMENTS = new Set(['es', 'cs', 'ss', 'ds', 'fs', 'gs']);
/** By what they change: segment registers with their hidden parts, tables, control registers, MSRs, A20. */
const CHANGES_HIDDEN =
  /^(?:l[defgs]s|lss|pop(?:fs|gs)?|ret[fn]?|iret[dq]?|int[13o]?|syscall|sysret[dq]?|sysenter|sysexit[dq]?|lgdt|lidt|lldt|ltr|lmsw|clts|wrmsr|wr[fg]sbase|swapgs|out|outs[bdw]|rsm|loadall|xsetbv)$/;

/** Whether hidden state may be another after it. */
export function changesHidden({ mnemonic, flow, operands }: Instruction): boolean {
  const [to] = operands;
  if (to?.kind === 'register' && (SEGMENTS.has(to.register) || /^[cd]r\d/.test(to.register))) return true;
  if (to?.kind === 'far' || (flow !== 'next' && to?.kind === 'memory')) return true;
  if (mnemonic === 'pop' || mnemonic === 'ret') return false;
  return CHANGES_HIDDEN.test(mnemonic) || flow === 'interrupt' || flow === 'other';
}

/** Bits 21 and 22 of a code segment's attributes: long mode, 32-bit default. SDM 3A §3.4.5. */
const [LONG, DEFAULT_32] = [1 << 21, 1 << 22];
/** EFER.LMA, SDM 3A §2.2.1. */
const LONG_MODE_ACTIVE = 1 << 10;

export function bitnessOf(words: Int32Array): 16 | 32 | 64 {
  const attributes = words[segmentWord(CS) + ATTRIBUTES]!;
  if (words[EFER]! & LONG_MODE_ACTIVE && attributes & LONG) return 64;
  return attributes & DEFAULT_32 ? 32 : 16;
}

export function codeLinear(words: Int32Array): bigint {
  return linearIn(words, 'cs', readField(words, 'rip'));
}

/** Top of the stack. */
export function stackLinear(words: Int32Array): bigint {
  // Without a 64-bit or 32-bit stack segment only SP counts; its upper half is 0 where early boot uses it so.
  return linearIn(words, 'ss', readField(words, 'rsp'));
}

function linearIn(words: Int32Array, segment: string, offset: bigint): bigint {
  const isWide = bitnessOf(words) === 64;
  const base = isWide && segment !== 'fs' && segment !== 'gs' ? 0n : readField(words, `${segment}.base`);
  return BigInt.asUintN(isWide ? 64 : 32, base + offset);
}

/**
 * Where an instruction's destination is found: in the instruction or a register, in memory at a linear address, or not
 * at all: `next` for what goes on behind itself or near it, `unknown` for far transfers, `outside` for interrupts.
 */
export type Destination =
  | { readonly kind: 'linear'; readonly linear: bigint }
  | { readonly kind: 'in memory'; readonly at: bigint }
  | { readonly kind: 'next' | 'unknown' | 'outside' };

export function destinationOf({ flow, mnemonic, operands }: Instruction, words: Int32Array): Destination {
  const [to] = operands;
  if (flow === 'interrupt') return { kind: 'outside' };
  if (flow === 'return')
    return mnemonic === 'ret' ? { kind: 'in memory', at: stackLinear(words) } : { kind: 'unknown' };
  if (flow !== 'call' && flow !== 'jump') return { kind: 'next' };
  switch (to?.kind) {
    case 'branch':
      return { kind: 'linear', linear: linearIn(words, 'cs', to.target) };
    case 'register':
      return { kind: 'linear', linear: linearIn(words, 'cs', registerValue(words, to.register)) };
    case 'memory':
      return { kind: 'in memory', at: effective(to, words) };
    case 'far':
    case 'immediate':
    case undefined:
      return { kind: 'unknown' };
  }
}

function effective(operand: MemoryOperand, words: Int32Array): bigint {
  if (operand.ripRelative !== undefined) return linearIn(words, operand.segment, operand.ripRelative);
  const part = (name: string | undefined) => (name === undefined ? 0n : registerValue(words, name));
  const offset = part(operand.base) + part(operand.index) * BigInt(operand.scale) + operand.displacement;
  const width = bitnessOf(words) === 16 ? 16 : bitnessOf(words);
  return linearIn(words, operand.segment, BigInt.asUintN(width, offset));
}

/** A general register of 16, 32 or 64 bits. */
function registerValue(words: Int32Array, name: string): bigint {
  const [, extended] = /^r(\d+)[dw]?$/.exec(name) ?? [];
  const wide = extended === undefined ? `r${name.replace(/^[er]/, '')}` : `r${extended}`;
  const width = name.startsWith('e') || name.endsWith('d') ? 32 : name.startsWith('r') ? 64 : 16;
  return BigInt.asUintN(width, readField(words, wide));
}
