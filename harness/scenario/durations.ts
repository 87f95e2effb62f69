/** How long each instance took last time, for estimates. Losing the file loses nothing else. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../workdir/atomic-file.ts';

export class Durations {
  readonly #path: string;
  readonly #byName: Map<string, number>;

  private constructor(path: string, byName: Map<string, number>) {
    this.#path = path;
    this.#byName = byName;
  }

  static async read(cacheRoot: string): Promise<Durations> {
    const path = join(cacheRoot, 'durations.json');
    return new Durations(path, new Map(await readNumbers(path)));
  }

  typicalMs(name: string): number | undefined {
    return this.#byName.get(name);
  }

  note(name: string, durationMs: number): void {
    this.#byName.set(name, Math.round(durationMs));
  }

  /** What cannot be kept is forgotten: an estimate is no reason to fail a run. */
  async write(): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(this.#byName)));
    } catch {
      // Next time there is no estimate.
    }
  }
}

async function readNumbers(path: string): Promise<[string, number][]> {
  try {
    const known: unknown = JSON.parse(await readFile(path, 'utf8'));
    return Object.entries(known ?? {}).filter(([, value]) => Number.isFinite(value)) as [string, number][];
  } catch {
    return [];
  }
}
