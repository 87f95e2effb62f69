/** One decoded instruction as plain data; nothing here knows the decoder. */

/** A general, segment, control, debug or vector register in lower case, e.g. `eax`, `cs`, `cr0`. */
export type RegisterName = string;

export interface MemoryOperand {
  readonly kind: 'memory';
  readonly base?: RegisterName;
  readonly index?: RegisterName;
  readonly scale: 1 | 2 | 4 | 8;
  /**
   * With a base or index: signed, sign-extended from the address size (16, 32 or 64 bits). Without either: the
   * absolute effective address, unsigned. With base `rip` or `eip`: signed distance from the next instruction.
   */
  readonly displacement: bigint;
  /** The effective address, unsigned, where the base is `rip` or `eip`. */
  readonly ripRelative?: bigint;
  /** The segment in effect, prefix or default: `ds`, `ss`, `es`, `fs`, … */
  readonly segment: RegisterName;
  /** Bytes accessed; 0 where nothing is (`lea`, `invlpg`) or the instruction does not say (`fxsave`-like states may). */
  readonly sizeBytes: number;
}

export type Operand =
  | { readonly kind: 'register'; readonly register: RegisterName }
  /** Unsigned, of the operand's size: sign extension is done (`or $-1,%eax` gives 0xffffffff). */
  | { readonly kind: 'immediate'; readonly value: bigint }
  | MemoryOperand
  /** A near target: an address in the code segment, unsigned. */
  | { readonly kind: 'branch'; readonly target: bigint }
  /** A far target given in the instruction. */
  | { readonly kind: 'far'; readonly selector: number; readonly offset: bigint };

/**
 * Where control goes: `next` (also `hlt`), `jump` (also indirect), `conditional`, `call` (also indirect and `syscall`),
 * `return` (`ret`, `lret`, `iret`, …), `interrupt` (`int`, `int3`, `into`); `other` for what always raises an exception
 * (`ud2`, invalid bytes) and for transactions.
 */
export type Flow = 'next' | 'jump' | 'conditional' | 'call' | 'return' | 'interrupt' | 'other';

interface InstructionBase {
  /** Bytes, 1 to 15. */
  readonly length: number;
  /**
   * Intel's name in lower case, string and return forms with their size: `call` and `jmp` near and far, `jb`, `lea`,
   * `ret`/`retf` (AT&T `lret`), `iretd`/`iretq`, `stosd` (AT&T `stos %eax`), `movsd`; like `text` where there is none.
   */
  readonly mnemonic: string;
  readonly flow: Flow;
  /** Intel's order, destination first: the reverse of `text`. Implicit operands are left out. */
  readonly operands: readonly Operand[];
}

export interface Instruction extends InstructionBase {
  /** Of the first byte, prefixes included; unsigned 64-bit. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** AT&T syntax as objdump and gdb print it; `(bad)` for a byte that begins no instruction, `(cut short)` at the end. */
  readonly text: string;
}

/** What executing needs and reading does not; decoded as if at address 0, so that branch targets are distances. */
export interface ExecutableInstruction extends InstructionBase {
  /** iced's name of the encoding, which tells forms of one mnemonic apart: `Retfd_imm16`, `Loop_rel8_32_CX`. */
  readonly code: string;
  readonly repeat: 'rep' | 'repne' | undefined;
  readonly lock: boolean;
  /** Bytes by which the stack pointer grows; negative for pushes, 0 where the instruction does not say. */
  readonly stackGrowth: number;
}
