/** One image through one entry: at each base it is run, judged, and compared with the run at a reference base. */
import type { Observation } from '../guest/guest-view.ts';
import type { Asymmetry, BaseResult, Ending } from './contract.ts';
import type { ImageChange } from './image-pages.ts';
import type { Knowledge } from './knowledge.ts';
import type { FinishedRun, OfflineBoot } from './offline-boot.ts';
import { Symmetry } from './symmetry.ts';
import { endStateOf } from './knowledge.ts';

/** Xen takes 44,000 instructions; what takes a hundred times as many does not end. */
const FIRST_BOUND = 5_000_000;
/** Times what the reference run took. */
const BOUND_FACTOR = 20;
const LEAST_BOUND = 100_000;

export class OfflineCheck {
  readonly #boot: OfflineBoot;
  readonly #knowledge: Knowledge;
  readonly #reference: { readonly symmetry: Symmetry; readonly executed: number } | undefined;

  /**
   * @param referenceBase where the image does not overlap its link-time range; every other base is compared with it.
   *   Where the image does not come to its end there, nothing is compared.
   */
  constructor(boot: OfflineBoot, knowledge: Knowledge, referenceBase: number) {
    this.#boot = boot;
    this.#knowledge = knowledge;
    const run = boot.run({ loadBase: referenceBase, bound: FIRST_BOUND });
    this.#reference =
      run.ending.kind === 'reached'
        ? { symmetry: new Symmetry(endStateOf(run), knowledge.symmetry(run)), executed: run.executed }
        : undefined;
  }

  at(loadBase: number, changes: readonly ImageChange[] = []): BaseResult {
    const run = this.#boot.run({ loadBase, changes, bound: this.#bound() });
    const { ending, executed, findings, entry } = run;
    const observed = ending.kind === 'reached' ? this.#knowledge.endState(run) : [];
    const known = observed.map((one) => (one.ok ? undefined : this.#knowledge.knownDefect(one)));
    return {
      ...{ entry, loadBase, ending, executed, findings },
      endsAsExpected: this.#isExpected(run),
      notes: known.filter((note) => note !== undefined),
      endState: observed.map((one, index) => told(one, known[index])),
      asymmetries: ending.kind === 'reached' ? this.#asymmetries(run) : [],
    };
  }

  #bound(): number {
    if (!this.#reference) return FIRST_BOUND;
    return Math.max(LEAST_BOUND, BOUND_FACTOR * this.#reference.executed);
  }

  #isExpected({ ending, loadBase, entry }: FinishedRun): boolean {
    return isExpected(ending, this.#knowledge.expectedEnding(loadBase, entry));
  }

  #asymmetries(run: FinishedRun): readonly Asymmetry[] {
    const found = this.#reference?.symmetry.against(endStateOf(run));
    return (found?.first ?? []).map(({ place, reference, here }) => ({ place, reference, here }));
  }
}

function told(one: Observation, note: string | undefined): Observation {
  return note === undefined ? one : { ok: true, text: note };
}

function isExpected(ending: Ending, expected: ReturnType<Knowledge['expectedEnding']>): boolean {
  if (expected.kind === 'reached') return ending.kind === 'reached';
  return ending.kind === 'said' && ending.text === expected.text;
}
