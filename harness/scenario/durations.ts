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
    try {
      return new Durations(
        path,
        new Map(Object.entries(JSON.parse(await readFile(path, 'utf8')) as Record<string, number>)),
      );
    } catch {
      return new Durations(path, new Map());
    }
  }

  typicalMs(name: string): number | undefined {
    return this.#byName.get(name);
  }

  note(name: string, durationMs: number): void {
    this.#byName.set(name, Math.round(durationMs));
  }

  async write(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(this.#byName)));
  }
}
