/** How long each instance took last time, for estimates. Losing the file loses nothing else. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../workdir/atomic-file.ts';

/** What makes durations comparable. */
export interface Timed {
  /** An instance's, without its repeat: repeats are alike. */
  readonly name: string;
  /** A word without blanks for how it should end: a refusal takes less than a boot. */
  readonly outcome: string;
}

/** About 1.5 MB; every 2 MiB slot of some four matrices. */
const MAX_KEPT = 20_000;

export class Durations {
  readonly #path: string;
  /** `name outcome` → milliseconds, the latest last. */
  readonly #known: Map<string, number>;
  readonly #noted = new Map<string, number>();
  /** Of each likeness, made when it is first asked for: they change little within a run. */
  #medians: ReadonlyMap<string, number> | undefined;

  private constructor(path: string, known: Map<string, number>) {
    this.#path = path;
    this.#known = known;
  }

  static async read(cacheRoot: string): Promise<Durations> {
    const path = join(cacheRoot, 'durations.json');
    return new Durations(path, new Map(await readNumbers(path)));
  }

  /** What this very instance took, else what is usual of its scenario and firmware with that outcome. */
  typicalMs(timed: Timed): number | undefined {
    const key = keyOf(timed);
    const exact = this.#noted.get(key) ?? this.#known.get(key);
    if (exact !== undefined) return exact;
    this.#medians ??= mediansOf(this.#known);
    return this.#medians.get(likenessOf(key));
  }

  note(timed: Timed, durationMs: number): void {
    this.#noted.set(keyOf(timed), Math.round(durationMs));
  }

  /**
   * Adds what was noted to what the file holds by now: another run may have written meanwhile. What cannot be kept is
   * forgotten: an estimate is no reason to fail a run.
   */
  async write(): Promise<void> {
    if (this.#noted.size === 0) return;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      const merged = new Map(await readNumbers(this.#path));
      for (const [key, durationMs] of this.#noted) {
        merged.delete(key);
        merged.set(key, durationMs);
      }
      const kept = [...merged].slice(-MAX_KEPT);
      await writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(kept)));
    } catch {
      // Next time there is no estimate.
    }
  }
}

function keyOf({ name, outcome }: Timed): string {
  return `${name} ${outcome}`;
}

/** `scenario~firmware outcome`: what an instance's name begins with, by its grammar. */
function likenessOf(key: string): string {
  const [name = '', outcome = ''] = key.split(' ');
  return `${name.split('~', 2).join('~')} ${outcome}`;
}

function mediansOf(known: ReadonlyMap<string, number>): Map<string, number> {
  const alike = new Map<string, number[]>();
  for (const [key, durationMs] of known) {
    const likeness = likenessOf(key);
    const members = alike.get(likeness);
    if (members) members.push(durationMs);
    else alike.set(likeness, [durationMs]);
  }
  return new Map(
    [...alike].map(([likeness, members]) => [
      likeness,
      members.sort((a, b) => a - b)[members.length >> 1] ?? 0,
    ]),
  );
}

async function readNumbers(path: string): Promise<[string, number][]> {
  try {
    const known: unknown = JSON.parse(await readFile(path, 'utf8'));
    // Keys of an earlier version have no outcome.
    return Object.entries(known ?? {}).filter(
      ([key, value]) => key.includes(' ') && Number.isFinite(value),
    ) as [string, number][];
  } catch {
    return [];
  }
}
