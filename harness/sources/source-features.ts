import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Something that a source must be able to do, seen by a pattern in one of its files. */
export interface SourceFeature {
  /** Relative to the source's folder. */
  readonly file: string;
  /** What the source can do where the pattern is there. */
  readonly description: string;
  readonly pattern: RegExp;
}

/** The source lacks what we need of it. */
export class SourceFeatureMissingError extends Error {
  override readonly name = 'SourceFeatureMissingError';
  constructor(
    readonly sourceLabel: string,
    readonly feature: SourceFeature,
  ) {
    super(
      `${sourceLabel} lacks what is needed: ${feature.description} ` +
        `(${feature.file} has no ${String(feature.pattern)}). Use a source that has it, for example Debian's.`,
    );
  }
}

/** @throws SourceFeatureMissingError for the first that is not there. */
export async function verifyFeatures(
  root: string,
  sourceLabel: string,
  features: readonly SourceFeature[],
): Promise<void> {
  for (const feature of features) {
    const text = await readFile(join(root, feature.file), 'utf8').catch(() => '');
    if (!feature.pattern.test(text)) throw new SourceFeatureMissingError(sourceLabel, feature);
  }
}
