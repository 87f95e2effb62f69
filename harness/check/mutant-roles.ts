/**
 * Which registers hold the image's base, found by comparing a run with one at another load base. The base is what Xen calls
 * `xen_phys_start`: load base − link base. A value is base-relative where it differs between the runs as the load bases do.
 */
import { GENERAL_NAMES } from '../x86/state/state-layout.ts';
import type { ExecutedInstruction, RegisterSamples } from './executed-instructions.ts';

/** What a register holds, by comparison of all samples. */
export type Role =
  /** Load base − link base itself. */
  | { readonly kind: 'base' }
  /** Base + something; `linkTime` is that something, where it is always the same. */
  | { readonly kind: 'relative'; readonly linkTime: bigint | undefined }
  | { readonly kind: 'other' };

/** An instruction with the roles of RAX … R15 around it. */
export interface InstructionRoles {
  readonly instruction: ExecutedInstruction;
  readonly before: readonly Role[];
  readonly after: readonly Role[];
  /** Registers to which it adds the base, wherever that comes from. */
  readonly gains: readonly boolean[];
}

/** One run: what it executed, and its load base − link base. */
export interface BaseRun {
  readonly instructions: readonly ExecutedInstruction[];
  readonly base: number;
}

const OTHER: Role = { kind: 'other' };

/** The runs have the same base, so that nothing can be told from them. */
export class SameBaseError extends Error {
  override readonly name = 'SameBaseError';
  constructor() {
    super('both runs have the same load base, so no value can be seen to follow it; give two different ones');
  }
}

export interface ComparedRuns {
  readonly roles: readonly InstructionRoles[];
  /** What the other run did not execute, or not as often: nothing can be said of it. */
  readonly uncompared: readonly ExecutedInstruction[];
}

/** @throws SameBaseError */
export function rolesByComparison(here: BaseRun, there: BaseRun): ComparedRuns {
  if (here.base === there.base) throw new SameBaseError();
  const others = new Map(there.instructions.map((each) => [keyOf(each), each]));
  const isCompared = (each: ExecutedInstruction) => others.get(keyOf(each))?.count === each.count;
  const uncompared = here.instructions.filter((each) => !isCompared(each));
  const roles = here.instructions.filter(isCompared).map((instruction) => {
    const other = others.get(keyOf(instruction))!;
    const mask = instruction.bitness === 64 ? 64 : 32;
    const compared = GENERAL_NAMES.map(
      (_, index) => new ComparedRegister(index, mask, here.base, there.base),
    );
    return {
      instruction,
      before: compared.map((each) => each.role(instruction.before, other.before)),
      after: compared.map((each) => each.role(instruction.after, other.after)),
      gains: compared.map((each) => each.gains(instruction, here.base) && each.gains(other, there.base)),
    };
  });
  return { roles, uncompared };
}

const keyOf = ({ linkTime, bitness }: ExecutedInstruction) => `${linkTime}/${bitness}`;

/** Of one register. */
class ComparedRegister {
  readonly #index: number;
  readonly #bits: number;
  readonly #here: bigint;
  readonly #there: bigint;

  constructor(index: number, bits: number, here: number, there: number) {
    this.#index = index;
    this.#bits = bits;
    this.#here = BigInt(here);
    this.#there = BigInt(there);
  }

  role(here: RegisterSamples, there: RegisterSamples): Role {
    const linkTimes = Array.from({ length: here.count }, (_, sample) => {
      const [a, b] = [this.#minus(here, sample, this.#here), this.#minus(there, sample, this.#there)];
      return a === b ? a : undefined;
    });
    const [first] = linkTimes;
    if (first === undefined || linkTimes.includes(undefined)) return OTHER;
    const isSteady = here.isSteady(this.#index);
    if (isSteady && first === 0n) return { kind: 'base' };
    return { kind: 'relative', linkTime: isSteady ? first : undefined };
  }

  /** Whether each execution adds the base to the register. */
  gains({ before, after }: ExecutedInstruction, base: number): boolean {
    const index = this.#index;
    for (let sample = 0; sample < before.count; sample++)
      if (this.#minus(after, sample, BigInt(base)) !== this.#cut(before.value(sample, index))) return false;
    return before.count > 0;
  }

  #minus(samples: RegisterSamples, sample: number, base: bigint): bigint {
    return this.#cut(samples.value(sample, this.#index) - base);
  }

  #cut(value: bigint): bigint {
    return BigInt.asUintN(this.#bits, value);
  }
}

/** The register that a name is of or part of, in the order of encoding: `esi`, `si` and `rsi` give 6; other kinds undefined. */
export function generalIndex(name: string): number | undefined {
  const numbered = /^r(\d+)[dwb]?$/.exec(name);
  const index = numbered
    ? Number(numbered[1])
    : GENERAL_NAMES.findIndex((each) => each === `r${name.replace(/^[er]/, '')}`);
  return index < 0 ? undefined : index;
}
