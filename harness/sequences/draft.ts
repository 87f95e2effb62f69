/** What a form picks from: sizes, registers, memory in scratch, immediates; the same rules for all. */
import type { Bitness } from '../x86/execute/cpu.ts';
import type { Size } from '../x86/execute/registers.ts';
import { BX, encode, littleEndian, type Parts, type Piece, type Target } from './encoding.ts';
import { scratchTarget, type ScratchOptions } from './scratch-target.ts';
import type { Random } from './random.ts';

/** Neither BX, which scratch memory is addressed by, nor SP. */
const WRITABLE = [0, 1, 2, 5, 6, 7];
const EXTENDED = [8, 9, 10, 11, 12, 13, 14, 15];
/** AL CL DL AH CH DH. */
const WRITABLE_BYTES = [0, 1, 2, 4, 5, 6];
const LOCK = 0xf0;

/** Parts without those that the draft knows. */
export type DraftParts = Omit<Parts, 'bitness' | 'hasRex'>;

export class Draft {
  /** 64-bit mode: whether the instruction has a REX prefix. */
  readonly hasRex: boolean;

  constructor(
    readonly random: Random,
    readonly bitness: Bitness,
  ) {
    this.hasRex = bitness === 64 && random.chance(0.6);
  }

  /** One instruction, after what its memory operand needs. */
  unit(parts: DraftParts): Piece[] {
    const { target } = parts;
    const before = target?.kind === 'memory' ? target.before : [];
    return [...before, this.piece(parts)];
  }

  piece(parts: DraftParts): Piece {
    return encode({ ...parts, bitness: this.bitness, hasRex: this.hasRex });
  }

  /** An instruction whose registers are of no size that REX changes. */
  plain(parts: DraftParts): Piece {
    return encode({ ...parts, bitness: this.bitness });
  }

  /** 1, 2, 4, in 64-bit mode 8. */
  size(): Size {
    return this.random.chance(0.25) ? 1 : this.wordSize();
  }

  /** Not 1. */
  wordSize(): 2 | 4 | 8 {
    return this.random.pick(this.hasRex ? [2, 4, 8, 8] : [2, 4, 4]);
  }

  /** Of pushes and pops. */
  stackSize(): 2 | 4 | 8 {
    const { bitness, random } = this;
    return bitness === 64 ? random.pick([2, 8, 8, 8]) : random.pick([2, 4]);
  }

  /** That may be written. */
  register(size: Size): number {
    const classic = size === 1 && !this.hasRex ? WRITABLE_BYTES : WRITABLE;
    return this.random.pick(this.hasRex ? [...classic, ...EXTENDED] : classic);
  }

  /** That is only read: any. */
  source(size: Size): number {
    return this.random.chance(0.1) ? BX : this.register(size);
  }

  /** A register or memory. */
  target(size: Size, options: ScratchOptions = {}): Target {
    return this.random.chance(0.5)
      ? { kind: 'register', index: this.register(size) }
      : scratchTarget(this, options);
  }

  memory(options: ScratchOptions = {}): Target {
    return scratchTarget(this, options);
  }

  /** Often LOCK where memory is written. */
  lock(target: Target): number[] {
    return target.kind === 'memory' && this.random.chance(0.2) ? [LOCK] : [];
  }

  /** Of an operand: 8-byte ones have 4 bytes, sign-extended. */
  immediate(size: Size): number[] {
    return littleEndian(this.random.value(), Math.min(size, 4));
  }

  byte(): number[] {
    return littleEndian(this.random.value(), 1);
  }

  /** `mov` of a 32-bit constant. */
  load(register: number, value: number): Piece {
    return this.plain({
      ...{ mnemonic: 'mov', size: 4, opcode: [0xb8], plus: register, immediate: littleEndian(value, 4) },
    });
  }
}
