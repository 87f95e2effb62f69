/** One image through one entry: at each base it is run, judged, and compared with runs at two reference bases. */
import { instructionAt } from '../sanitizer/instruction-at.ts';
import type { Finding } from '../sanitizer/finding.ts';
import { isOfValues, KnownOrigins } from '../sanitizer/pointer-stores.ts';
import type { Territory } from '../sanitizer/territory.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import type { Asymmetry, BaseResult, CodePlace, EndObservation, Ending } from './contract.ts';
import { copyOf, type EndState } from './end-state.ts';
import { findFirstAsymmetries } from './first-asymmetry.ts';
import type { ImageChange } from './image-pages.ts';
import type { LoadedBytes } from './loaded-bytes.ts';
import { endStateOf, type ExpectedEnding, type Knowledge } from './knowledge.ts';
import type { FinishedRun, OfflineBoot } from './offline-boot.ts';
import { LowCopies } from './low-copies.ts';
import { type FoundAsymmetry, Symmetry, type SymmetryFacts } from './symmetry.ts';

/** Xen takes 44,000 instructions; what takes a hundred times as many does not end. */
const FIRST_BOUND = 5_000_000;
/** An image may look at each byte of its own. */
const BOUND_PER_BYTE = 16;
/** Times what the reference run took; bases differ by a few instructions. */
const BOUND_FACTOR = 4;
/** Enough to see a loop by, where not even the reference run ends: all bases are told of in minutes. */
const LEAST_BOUND = 400_000;
/** Far from any link base; what moves with the base is learnt from it. */
const SECOND_BASE = 0x8000_0000;
/** Instructions of asymmetric places are looked for so often: it takes a while, and one defect has many places. */
const MOST_SEARCHES = 4;

interface Reference {
  readonly symmetry: Symmetry;
  readonly loadBase: number;
}

export class OfflineCheck {
  readonly #boot: OfflineBoot;
  readonly #makeBoot: () => OfflineBoot;
  readonly #knowledge: Knowledge;
  readonly #bound: number;
  readonly #reference: Reference | undefined;
  /** By place: the instruction after which it is asymmetric. */
  readonly #instructions = new Map<string, CodePlace | undefined>();
  #searches = 0;
  readonly #copies: LowCopies;
  readonly #known = new KnownOrigins();
  readonly #isData = (linear: bigint, value: number, territory: Territory) =>
    this.#knowledge.keepsLinkTimeAddresses === true || this.#known.of(linear, value, territory) === 'data';

  /** With the link base as reference, a store that forgets its base goes where it should, and elsewhere does not. */
  constructor(makeBoot: () => OfflineBoot, knowledge: Knowledge, image: LoadedBytes) {
    const { linkBase, master } = image;
    this.#copies = new LowCopies(image);
    this.#makeBoot = makeBoot;
    this.#boot = makeBoot();
    this.#knowledge = knowledge;
    const run = this.#boot.run({
      loadBase: linkBase,
      bound: FIRST_BOUND + BOUND_PER_BYTE * master.length,
    });
    const isThere = run.ending.kind === 'reached';
    this.#bound = boundAfter(run);
    this.#reference = isThere ? this.#referenceAt(linkBase) : undefined;
  }

  /** @param changes bytes of the image that are others in this run */
  at(loadBase: number, changes: readonly ImageChange[] = []): BaseResult {
    const run = this.#boot.run({ loadBase, changes, bound: this.#bound, isData: this.#isData });
    const { ending, executed, entry } = run;
    const isThere = ending.kind === 'reached';
    const endsAsExpected = isExpected(ending, this.#knowledge.expectedEnding(loadBase, entry));
    const observed = isThere ? this.#knowledge.endState(run) : [];
    const known = observed.map((one) => (one.ok ? undefined : this.#knowledge.knownDefect(one)));
    const asymmetries = this.#asymmetries(isThere ? run : undefined, changes);
    const end = endsAsExpected ? {} : { endedAt: endedAt(run) };
    const told = { ...asymmetries, ...end, findings: run.findings };
    const copies = this.#copies.around(run.cpu.physical, placesOf(told));
    return {
      ...{ entry, loadBase, ending, executed, ...asymmetries, ...end },
      ...(copies.length > 0 ? { copies } : {}),
      // Last: it runs the same machine again.
      findings: this.#withoutData(run, changes),
      endsAsExpected,
      notes: known.filter((note) => note !== undefined),
      endState: observed.map((one, index) => noted(one, known[index])),
    };
  }

  /** Values that look like addresses and are none are told apart by a second, slow run, where they were not met before. */
  #withoutData(
    { findings, loadBase, territory }: FinishedRun,
    changes: readonly ImageChange[],
  ): readonly Finding[] {
    if (!findings.some(isOfValues)) return findings;
    const stores = this.#boot.pointerStores({ loadBase, changes, bound: this.#bound });
    // What a changed image stores is not what the image stores.
    if (changes.length === 0) this.#known.learn(stores, territory);
    return stores.withoutData(findings, territory);
  }

  /** What moves with the base is learnt from a second run, where that comes to its end, too. */
  #referenceAt(loadBase: number): Reference | undefined {
    const { symmetry } = this.#knowledge;
    if (!symmetry) return undefined;
    const second = this.#boot.run({ loadBase: SECOND_BASE, bound: this.#bound });
    const learntFrom = second.ending.kind === 'reached' ? keptState(endStateOf(second), symmetry) : undefined;
    const reference = endStateOf(this.#boot.run({ loadBase, bound: this.#bound }));
    return { symmetry: new Symmetry(reference, symmetry, learntFrom), loadBase };
  }

  #asymmetries(
    run: FinishedRun | undefined,
    changes: readonly ImageChange[],
  ): Pick<BaseResult, 'asymmetries' | 'asymmetryCount'> {
    const reference = this.#reference;
    if (!run || !reference) return { asymmetries: [], asymmetryCount: 0 };
    const { first, count } = reference.symmetry.against(endStateOf(run));
    if (count > 0) this.#search(first, run.loadBase, reference.loadBase, changes);
    return { asymmetries: first.map((one) => this.#named(one)), asymmetryCount: count };
  }

  /** Which instruction it was is the same at all bases, so that it is looked for once. */
  #search(
    found: readonly FoundAsymmetry[],
    loadBase: number,
    referenceBase: number,
    changes: readonly ImageChange[],
  ): void {
    if (found.every(({ place }) => this.#instructions.has(place)) || this.#searches >= MOST_SEARCHES) return;
    this.#searches++;
    const reference = this.#makeBoot().begin(referenceBase, changes);
    const { instructions } = findFirstAsymmetries(
      reference,
      this.#makeBoot().begin(loadBase, changes),
      found.map(({ at }) => at),
      this.#bound,
    );
    for (const [index, { place }] of found.entries()) {
      const since = instructions[index];
      this.#instructions.set(place, since && { ...instructionAt(reference.cpu, since.linear), ...since });
    }
  }

  #named({ place, reference, here }: FoundAsymmetry): Asymmetry {
    const code = this.#instructions.get(place);
    return { place, reference, here, ...(code === undefined ? {} : { instruction: code.linear, code }) };
  }
}

/** A copy of what symmetry looks at, of a machine that goes on to something else. */
function keptState({ loadBase, words, memory }: EndState, { imageBytes, fixed }: SymmetryFacts): EndState {
  const kept = new PhysicalMemory('zero');
  for (const { start, end } of [{ start: loadBase, end: loadBase + imageBytes }, ...fixed])
    kept.load(start, copyOf(memory, start, new Uint8Array(end - start)));
  return { loadBase, words: words.slice(), memory: kept };
}

function boundAfter({ ending, executed }: FinishedRun): number {
  return ending.kind === 'endless' ? LEAST_BOUND : Math.max(LEAST_BOUND, BOUND_FACTOR * executed);
}

function noted(one: EndObservation, note: string | undefined): EndObservation {
  return note === undefined ? one : { ok: true, text: note };
}

/** Of a loop the lowest: it is known by it. */
function endedAt({ ending, cpu }: FinishedRun): CodePlace {
  const linear = ending.kind === 'endless' ? ending.loop[0]?.linear : undefined;
  return instructionAt(cpu, linear);
}

/** Linear addresses of the instructions that are told of. */
function placesOf({
  findings,
  asymmetries,
  endedAt,
}: Pick<BaseResult, 'findings' | 'asymmetries' | 'endedAt'>): bigint[] {
  const found = findings.map(({ instruction }) => instruction.linear);
  const since = asymmetries.flatMap(({ instruction }) => (instruction === undefined ? [] : [instruction]));
  return [...found, ...since, ...(endedAt ? [endedAt.linear] : [])];
}

function isExpected(ending: Ending, expected: ExpectedEnding): boolean {
  if (expected.kind === 'reached') return ending.kind === 'reached';
  return ending.kind === 'said' && ending.text === expected.text;
}
