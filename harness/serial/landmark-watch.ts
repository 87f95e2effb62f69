import type { Deadline } from '../lifetime/deadline.ts';
import { readings, type NumberedLine } from './readings.ts';
import { type Landmark, type LandmarkMatch, LandmarkTable, type Phase } from './landmark.ts';

interface Waiter {
  readonly names: readonly string[];
  readonly resolve: (match: LandmarkMatch) => void;
  readonly reject: (error: Error) => void;
}

const MAX_MATCHES = 1000;
const TAIL_LINES = 2;

/** Which landmarks were said, in which phase, and who waits for one. */
export class LandmarkWatch {
  readonly #table: LandmarkTable;
  readonly #matches: LandmarkMatch[] = [];
  readonly #outOfPhase: LandmarkMatch[] = [];
  /** The first match of each landmark, which a guest that repeats another one can not push out. */
  readonly #first = new Map<string, LandmarkMatch>();
  readonly #waiters = new Set<Waiter>();
  /** The last finished lines of this phase: a landmark may have been split over them. */
  #tail: NumberedLine[] = [];
  /** What each of the last lines was part of already, so that nothing is believed twice. */
  readonly #spoken = new Map<number, Set<string>>();
  #phase: Phase = 'firmware';

  /** @throws LandmarkNameError where two landmarks have one name. */
  constructor(landmarks: readonly Landmark[]) {
    this.#table = new LandmarkTable(landmarks);
  }

  get phase(): Phase {
    return this.#phase;
  }

  get matches(): readonly LandmarkMatch[] {
    return this.#matches;
  }

  get outOfPhase(): readonly LandmarkMatch[] {
    return this.#outOfPhase;
  }

  /** Looks at a line; an unfinished one may be looked at again, longer, and counts once for each landmark. */
  look(text: string, lineNumber: number, finished: boolean): void {
    const line: NumberedLine = { text, number: lineNumber };
    const phase = this.#phase;
    for (const reading of readings(this.#tail, line)) this.#read(reading.text, reading.lines);
    if (!finished) return;
    this.#tail = this.#phase === phase ? [...this.#tail, line].slice(-TAIL_LINES) : [];
    for (const number of this.#spoken.keys())
      if (number < lineNumber - TAIL_LINES) this.#spoken.delete(number);
  }

  #read(text: string, lines: readonly NumberedLine[]): void {
    const [first] = lines;
    if (!first) return;
    for (const { landmark, captures } of this.#table.match(text)) {
      const { name } = landmark;
      if (lines.some(({ number }) => this.#spoken.get(number)?.has(name))) continue;
      for (const { number } of lines)
        this.#spoken.set(number, (this.#spoken.get(number) ?? new Set()).add(name));
      const match = { name, phase: this.#phase, line: text, lineNumber: first.number, captures };
      this.#record(landmark, { ...match, lineCount: lines.length });
    }
  }

  /**
   * @param ended says why nothing more can come, where that is so.
   * @throws DeadlineError; what `ended` gives; LandmarkNameError.
   */
  async wait(
    names: readonly string[],
    deadline: Deadline,
    hooks: {
      readonly ended: (awaited: string) => Error | undefined;
      readonly lastSeen: () => string | undefined;
    },
  ): Promise<LandmarkMatch> {
    this.#table.check(names);
    for (const match of this.#first.values()) if (names.includes(match.name)) return match;
    const awaited = listed(names);
    const ended = hooks.ended(awaited);
    if (ended) throw ended;
    let waiter: Waiter | undefined;
    const said = new Promise<LandmarkMatch>((resolve, reject) => {
      waiter = { names, resolve, reject };
      this.#waiters.add(waiter);
    });
    try {
      return await deadline.wait(said, `${awaited} on the serial console`, hooks.lastSeen);
    } finally {
      if (waiter) this.#waiters.delete(waiter);
    }
  }

  /** Nothing more can come: ends all waits. */
  end(reason: (awaited: string) => Error): void {
    for (const { names, reject } of this.#waiters) reject(reason(listed(names)));
  }

  #record(landmark: Landmark, match: LandmarkMatch): void {
    const believed = landmark.phase === 'any' || landmark.phase === this.#phase;
    const list = believed ? this.#matches : this.#outOfPhase;
    if (list.length < MAX_MATCHES) list.push(match);
    if (!believed) return;
    // A map keeps the order of insertion, which is the order in which they were said.
    if (!this.#first.has(match.name)) this.#first.set(match.name, match);
    this.#phase = landmark.entersPhase ?? this.#phase;
    for (const waiter of this.#waiters) if (waiter.names.includes(match.name)) waiter.resolve(match);
  }
}

function listed(names: readonly string[]): string {
  return names.map((name) => `“${name}”`).join(' or ');
}
