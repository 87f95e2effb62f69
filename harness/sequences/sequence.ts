/** Sequences: random instructions with random registers and flags before them. */
import type { Bitness } from '../x86/execute/cpu.ts';
import { ARITHMETIC_FORMS } from './arithmetic-forms.ts';
import { BIT_FORMS } from './bit-forms.ts';
import { CONTROL_FORMS } from './control-forms.ts';
import { Draft } from './draft.ts';
import { FAULT_FORMS } from './fault-forms.ts';
import type { Unit, WeightedForm } from './form.ts';
import type { Random } from './random.ts';
import { LOW_SCRATCH_SEGMENT } from './places.ts';
import { SEGMENT_FORMS } from './segment-forms.ts';
import { FREE_FLAGS, STACK_FORMS } from './stack-forms.ts';
import { TRANSFER_FORMS } from './transfer-forms.ts';

export interface Sequence {
  readonly bitness: Bitness;
  /** By number; BX and SP are the specimen's, whatever stands here. 16 in 64-bit mode, else 8. */
  readonly registers: readonly bigint[];
  readonly flags: number;
  /** Real mode: of ES, DS, FS and GS. */
  readonly segments: readonly number[];
  readonly units: readonly Unit[];
}

const FORMS: readonly WeightedForm[] = [
  ...[...ARITHMETIC_FORMS, ...BIT_FORMS, ...TRANSFER_FORMS, ...STACK_FORMS],
  ...[...CONTROL_FORMS, ...SEGMENT_FORMS, ...FAULT_FORMS],
];
const TOTAL_WEIGHT = FORMS.reduce((sum, { weight }) => sum + weight, 0);
const [FEWEST_UNITS, MOST_UNITS] = [5, 30];

export function randomSequence(random: Random, bitness: Bitness): Sequence {
  const units = random.between(FEWEST_UNITS, MOST_UNITS);
  return {
    bitness,
    registers: Array.from({ length: bitness === 64 ? 16 : 8 }, () => random.value()),
    flags: Number(random.value() & BigInt(FREE_FLAGS)) | 2,
    segments: Array.from({ length: 4 }, () => LOW_SCRATCH_SEGMENT + random.below(256)),
    units: Array.from({ length: units }, () => randomUnit(random, bitness)),
  };
}

export function randomUnit(random: Random, bitness: Bitness): Unit {
  for (;;) {
    const made = pickForm(random).form(new Draft(random, bitness));
    if (made) return 'pieces' in made ? made : { pieces: made };
  }
}

function pickForm(random: Random): WeightedForm {
  let rest = (random.below(0x1000_0000) / 0x1000_0000) * TOTAL_WEIGHT;
  return FORMS.find(({ weight }) => (rest -= weight) < 0) ?? FORMS[0]!;
}

/** Instructions, those that set the registers up not counted. */
export function countInstructions(sequences: readonly Sequence[]): number {
  return sequences.reduce(
    (sum, { units }) => sum + units.reduce((inner, { pieces }) => inner + pieces.length, 0),
    0,
  );
}
