/**
 * The longest stretch of a recorded boot that any 32-bit CPU model can run alone: protected mode, flat code segment, no
 * paging, nothing executed outside, no control register changed. Inputs are told, as they were recorded.
 */
import { FreeRun, linearInstruction, type Outside, outsideOf } from '../../../harness/replay/free-run.ts';
import { joinedRuns } from '../../../harness/replay/known-runs.ts';
import { habitsOf } from '../../../harness/replay/loaded-memory.ts';
import { END, EXCURSION, INPUT, isStepKind, type MemoryRun } from '../../../harness/trace/record.ts';
import type { TraceReader } from '../../../harness/trace/trace-reader.ts';
import type { CodeStore } from '../../../harness/x86/execute/code-store.ts';
import type { Habits } from '../../../harness/x86/execute/habits.ts';
import { PAGE_BYTES, type PhysicalMemory } from '../../../harness/x86/memory/physical-memory.ts';
import { isLong, isWide } from '../../../harness/x86/state/segment-attributes.ts';
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CR3,
  CR4,
  CS,
  EFER,
  RIP,
  segmentWord,
} from '../../../harness/x86/state/state-layout.ts';

/** The trace has no stretch of its kind, or the model does not run it as it was recorded. */
export class StretchError extends Error {
  override readonly name = 'StretchError';
}

/** An instruction that was told something from outside. */
export interface StretchInput {
  /** Its linear address. */
  readonly at: number;
  /** The state after it. */
  readonly after: Int32Array;
}

export interface Stretch {
  readonly initial: Int32Array;
  /** Whole pages, in the order of addresses; all that the stretch touches. */
  readonly memory: readonly MemoryRun[];
  readonly inputs: readonly StretchInput[];
  /** The state behind the last instruction; its address is not met before. */
  readonly final: Int32Array;
  /** A repeated string instruction counts once. */
  readonly instructions: number;
  /** The same with each iteration counted. */
  readonly iterations: number;
  /** Steps of the trace before it. */
  readonly stepsBefore: number;
  readonly habits: Habits;
  /** Where the image was linked. */
  readonly linked: { readonly start: number; readonly end: number };
}

/** Inputs and excursions of the boot before a place of it. */
interface Mark {
  readonly state: Int32Array;
  readonly step: number;
  readonly guestStep: number;
  readonly inputs: number;
  readonly excursions: number;
}

/**
 * @param image the image file's bytes, which must be those that the header names
 * @throws StretchError, TraceError
 */
export function longestStretch(trace: TraceReader, image: Uint8Array, store: CodeStore): Stretch {
  const { from, to, inputs } = longestSpan(trace);
  const outside = outsideOf(trace);
  const before = memoryAt(from);
  const { linkBase, segments } = trace.header.subject;
  const sizeBytes = Math.max(...segments.map((each) => each.physicalAddress + each.memorySizeBytes));
  return {
    initial: from.state,
    memory: joinedRuns(
      [...memoryAt(to).pages()].map(({ frame }) => ({
        address: frame * PAGE_BYTES,
        bytes: before.page(frame).bytes,
      })),
    ),
    inputs,
    final: to.state,
    instructions: to.step - from.step,
    iterations: to.guestStep - from.guestStep,
    stepsBefore: from.step,
    habits: habitsOf(trace.header),
    linked: { start: linkBase, end: linkBase + sizeBytes - trace.header.subject.loadBase },
  };

  function memoryAt({ state, step, excursions }: Mark): PhysicalMemory {
    const until: Outside = { ...outside, final: state, excursions: outside.excursions.slice(0, excursions) };
    const boot = new FreeRun(trace, until, image, store);
    const { executed, stopped } = boot.run();
    if (stopped || executed !== step)
      throw new StretchError(
        `the model does not come to step ${step} of the trace: after ${executed} it ${stopped?.kind ?? 'was there'}`,
      );
    return boot.cpu.physical;
  }
}

interface Span {
  readonly from: Mark;
  readonly to: Mark;
  readonly inputs: readonly StretchInput[];
}

function longestSpan(trace: TraceReader): Span {
  const spans = new SpanFinder();
  const cursor = trace.cursor();
  let [inputs, excursions] = [0, 0];
  const mark = (): Mark => ({
    ...{ state: cursor.words.slice(), step: cursor.step, guestStep: cursor.guestStep, inputs, excursions },
  });
  spans.start(mark());
  for (let kind = cursor.next(); kind !== END; kind = cursor.next()) {
    if (!isStepKind(kind)) continue;
    if (kind === INPUT) inputs++;
    if (kind === EXCURSION) excursions++;
    spans.step(kind === EXCURSION, kind === INPUT, mark);
  }
  return spans.longest();
}

/** Goes along a trace's states. */
class SpanFinder {
  #from: Mark | undefined;
  #last: Mark | undefined;
  #inputs: StretchInput[] = [];
  #longest: Span | undefined;

  start(at: Mark): void {
    this.#from = this.#last = isFlat(at.state) ? at : undefined;
    this.#inputs = [];
  }

  step(isOutside: boolean, isInput: boolean, mark: () => Mark): void {
    const here = mark();
    const [from, last] = [this.#from, this.#last];
    if (!from || !last || isOutside || !isFlat(here.state) || !isSameSystem(from.state, here.state)) {
      this.start(here);
      return;
    }
    this.#last = here;
    if (isInput) this.#inputs.push({ at: last.state[RIP]! >>> 0, after: here.state });
    const length = here.step - from.step;
    if (!this.#longest || length > this.#longest.to.step - this.#longest.from.step)
      this.#longest = { from, to: here, inputs: this.#inputs };
  }

  /** @throws StretchError */
  longest(): Span {
    if (!this.#longest) throw new StretchError('the trace has no step in flat 32-bit mode without paging');
    return this.#longest;
  }
}

const PROTECTED = 1;

function isFlat(state: Int32Array): boolean {
  const attributes = state[segmentWord(CS) + ATTRIBUTES]!;
  const isPaged = state[CR0]! < 0;
  const isProtected = (state[CR0]! & PROTECTED) !== 0;
  return (
    isProtected &&
    !isPaged &&
    isWide(attributes) &&
    !isLong(attributes) &&
    state[segmentWord(CS) + BASE] === 0
  );
}

function isSameSystem(one: Int32Array, other: Int32Array): boolean {
  return [CR0, CR3, CR4, EFER].every((word) => one[word] === other[word]);
}

/** Where a stretch ends. */
export function endOf({ final }: Stretch): number {
  return Number(linearInstruction(final));
}
