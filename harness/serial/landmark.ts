/** What a console says on the way, and what it means. */

/** Whose words come now. */
export type Phase = 'firmware' | 'loader' | 'subject';

/** A line to be recognised. */
export interface Landmark {
  readonly name: string;
  /** Where it belongs; said elsewhere it is recorded, and not believed. `any`: whoever speaks, it may come between. */
  readonly phase: Phase | 'any';
  /** Applied to cleaned lines; its `g` and `y` flags mean nothing here. */
  readonly pattern: RegExp;
  /** Afterwards the console is in this phase. */
  readonly entersPhase?: Phase;
}

/** A landmark that was seen. */
export interface LandmarkMatch {
  readonly name: string;
  /** The phase in which it was said. */
  readonly phase: Phase;
  readonly line: string;
  /** Counts from 1, over all lines. */
  readonly lineNumber: number;
  /** How many lines it was split over; 1 for a line of its own. */
  readonly lineCount: number;
  /** The pattern's capture groups, from the first on. */
  readonly captures: readonly (string | undefined)[];
}

/** Two landmarks of one name, or a name nobody knows. */
export class LandmarkNameError extends Error {
  override readonly name = 'LandmarkNameError';
  constructor(
    readonly landmark: string,
    problem: 'unknown' | 'twice',
  ) {
    super(
      problem === 'twice'
        ? `the landmark “${landmark}” is there twice; names tell landmarks apart`
        : `no landmark is called “${landmark}”`,
    );
  }
}

/** Which landmarks a line matches, in a phase; pure. */
export class LandmarkTable {
  readonly #landmarks: readonly Landmark[];

  /** @throws LandmarkNameError where a name is there twice. */
  constructor(landmarks: readonly Landmark[]) {
    const names = new Set<string>();
    for (const { name } of landmarks) {
      if (names.has(name)) throw new LandmarkNameError(name, 'twice');
      names.add(name);
    }
    this.#landmarks = landmarks.map((landmark) => ({ ...landmark, pattern: stateless(landmark.pattern) }));
  }

  /** @throws LandmarkNameError where one of `names` is no landmark. */
  check(names: readonly string[]): void {
    for (const name of names)
      if (!this.#landmarks.some((landmark) => landmark.name === name))
        throw new LandmarkNameError(name, 'unknown');
  }

  /** Every landmark `line` matches, in the table's order, whatever its phase. */
  match(line: string): { readonly landmark: Landmark; readonly captures: readonly (string | undefined)[] }[] {
    return this.#landmarks.flatMap((landmark) => {
      const found = landmark.pattern.exec(line);
      return found ? [{ landmark, captures: found.slice(1) }] : [];
    });
  }
}

/** With `g` or `y` a pattern remembers where it was, and would miss lines. */
function stateless(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''));
}
