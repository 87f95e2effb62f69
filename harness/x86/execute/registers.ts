/** Registers by their names, as words and parts of words (SDM 1 §3.4.1). */
import { GENERAL, RIP, SEGMENT_NAMES } from '../state/state-layout.ts';

/** Bytes of an operand of integer instructions. */
export type Size = 1 | 2 | 4 | 8;

export interface RegisterPart {
  /** The low word. */
  readonly word: number;
  readonly size: Size;
  /** AH, CH, DH and BH lie 8 bits up. */
  readonly shift: 0 | 8;
}

const CLASSIC = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const LOW_BYTES = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh'];

const part = (index: number, size: Size, shift: 0 | 8 = 0): RegisterPart => ({
  word: GENERAL + 2 * index,
  size,
  shift,
});

const REGISTERS = new Map<string, RegisterPart>([
  ...CLASSIC.flatMap((name, index): [string, RegisterPart][] => [
    [`r${name}`, part(index, 8)],
    [`e${name}`, part(index, 4)],
    [name, part(index, 2)],
  ]),
  ...LOW_BYTES.map((name, index): [string, RegisterPart] => [name, part(index, 1)]),
  ...HIGH_BYTES.map((name, index): [string, RegisterPart] => [name, part(index, 1, 8)]),
  ...[8, 9, 10, 11, 12, 13, 14, 15].flatMap((index): [string, RegisterPart][] => [
    [`r${index}`, part(index, 8)],
    [`r${index}d`, part(index, 4)],
    [`r${index}w`, part(index, 2)],
    // iced says r8l where the SDM says r8b.
    [`r${index}l`, part(index, 1)],
  ]),
  ['rip', { word: RIP, size: 8, shift: 0 }],
  ['eip', { word: RIP, size: 4, shift: 0 }],
]);

/** @returns undefined for segment, control, debug and vector registers. */
export function generalRegister(name: string): RegisterPart | undefined {
  return REGISTERS.get(name);
}

/** ES … GS. @returns undefined where it is none. */
export function segmentIndex(name: string): number | undefined {
  const index = (SEGMENT_NAMES as readonly string[]).indexOf(name);
  return index < 0 ? undefined : index;
}
