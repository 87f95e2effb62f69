/**
 * The first base-dependent instruction: two runs of the same boot at two bases, instruction by instruction side by side. Asked
 * where end states are asymmetric, as it is slow: the instruction after which a place differs for good, and where control
 * first goes another way.
 */
import type { StopReason } from '../x86/execute/stop.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { readFlags } from '../x86/state/flags.ts';
import { STATE_FIELDS, type StateField } from '../x86/state/state-layout.ts';
import { misfitOf, registerFits, shiftOf, type Shift } from './by-the-base.ts';
import type { CodePlace } from './contract.ts';
import { copyOf } from './end-state.ts';
import type { AsymmetricPlace } from './symmetry.ts';

/** A boot that is gone through one instruction at a time; what the firmware does counts to the instruction before. */
export interface SteppedRun {
  readonly cpu: Cpu;
  readonly loadBase: number;
  /** @returns why there is no next instruction; undefined: it was executed. */
  step(): StopReason | undefined;
}

/** Linear addresses, as each run has them. */
export interface Apart {
  /** The last instruction that both executed, as the reference has it; undefined: they begin apart. */
  readonly after: bigint | undefined;
  readonly reference: bigint;
  readonly here: bigint;
  /** Of the run that did not go on; undefined: control went elsewhere. */
  readonly stopped?: { readonly which: 'reference' | 'here'; readonly reason: StopReason };
}

export type Executed = Pick<CodePlace, 'linear' | 'bitness'>;

export interface FirstAsymmetries {
  /**
   * For each place: the instruction after which it differed, and did so to the end. Linear, as the reference run has it.
   * undefined: none, or it did before the first.
   */
  readonly instructions: readonly (Executed | undefined)[];
  /** Where the runs went apart; undefined: they did not, within the bound. */
  readonly apart: Apart | undefined;
  /** Instructions that both executed. */
  readonly executed: number;
}

/**
 * Runs both side by side until they stop, go apart, or the bound is reached.
 * @param limit instructions; a repeated string instruction counts once
 */
export function findFirstAsymmetries(
  reference: SteppedRun,
  here: SteppedRun,
  places: readonly AsymmetricPlace[],
  limit: number,
): FirstAsymmetries {
  const shift = shiftOf(here.loadBase - reference.loadBase);
  const watches = places.map((place) => new Watch(place, reference.cpu, here.cpu, shift));
  let after: bigint | undefined;
  let executed = 0;
  let apart = whereApart(after, reference, here, shift);
  while (!apart && executed < limit) {
    const { linearInstruction: at, bitness } = reference.cpu;
    const [a, b] = [reference.step(), here.step()];
    if (a && b) break;
    after = at;
    if (a ?? b) {
      apart = { ...addresses(after, reference, here), stopped: stopped(a, b) };
      break;
    }
    executed++;
    for (const watch of watches) watch.look(at, bitness);
    apart = whereApart(after, reference, here, shift);
  }
  return { instructions: watches.map(({ since }) => since), apart, executed };
}

function stopped(a: StopReason | undefined, b: StopReason | undefined): NonNullable<Apart['stopped']> {
  return a ? { which: 'reference', reason: a } : { which: 'here', reason: b! };
}

function addresses(after: bigint | undefined, reference: SteppedRun, here: SteppedRun): Apart {
  return { after, reference: reference.cpu.linearInstruction, here: here.cpu.linearInstruction };
}

function whereApart(
  after: bigint | undefined,
  reference: SteppedRun,
  here: SteppedRun,
  { low }: Shift,
): Apart | undefined {
  const now = addresses(after, reference, here);
  const by = BigInt.asUintN(32, now.here - now.reference);
  return now.here === now.reference || by === BigInt(low >>> 0) ? undefined : now;
}

/** One place, in both runs. */
class Watch {
  /** The instruction after which it was asymmetric; undefined: it is not, or always was. */
  since: Executed | undefined;
  #isAsymmetric: boolean;
  readonly #isMisfit: () => boolean;

  constructor(place: AsymmetricPlace, reference: Cpu, here: Cpu, shift: Shift) {
    this.#isMisfit =
      place.kind === 'register'
        ? registerMisfit(fieldNamed(place.field), reference, here, shift)
        : memoryMisfit(place, reference, here, shift);
    this.#isAsymmetric = this.#isMisfit();
  }

  look(linear: bigint, bitness: Executed['bitness']): void {
    const isAsymmetric = this.#isMisfit();
    if (isAsymmetric && !this.#isAsymmetric) this.since = { linear, bitness };
    if (!isAsymmetric) this.since = undefined;
    this.#isAsymmetric = isAsymmetric;
  }
}

function fieldNamed(name: string): StateField {
  const field = STATE_FIELDS.find((each) => each.name === name);
  if (!field) throw new RangeError(`the CPU state has no ${JSON.stringify(name)}`);
  return field;
}

function registerMisfit({ name, word, isWide }: StateField, a: Cpu, b: Cpu, shift: Shift): () => boolean {
  const high = (cpu: Cpu) => (isWide ? cpu.words[word + 1]! : 0);
  return () => {
    // Flags are put together where somebody asks for them.
    if (name === 'rflags') for (const { words } of [a, b]) readFlags(words);
    return !registerFits(a.words[word]!, high(a), b.words[word]!, high(b), shift);
  };
}

type MemoryPlace = Extract<AsymmetricPlace, { kind: 'memory' }>;

/** The four bytes, in the 8 aligned ones that they belong to. */
function memoryMisfit({ reference, here }: MemoryPlace, a: Cpu, b: Cpu, shift: Shift): () => boolean {
  const half = reference % 8 < 4 ? 'low' : 'high';
  const [before, after] = [new Int32Array(2), new Int32Array(2)];
  const read = (cpu: Cpu, address: number, into: Int32Array) =>
    copyOf(cpu.physical, address - (address % 8), new Uint8Array(into.buffer));
  return () => {
    read(a, reference, before);
    read(b, here, after);
    const misfit = misfitOf(before[0]!, before[1]!, after[0]!, after[1]!, shift);
    return misfit === half || misfit === 'both';
  };
}
