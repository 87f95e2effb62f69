/** A defect that the version under test is known to have: told, not held against it. Pure. */
import { isBefore } from '../subject/version.ts';
import type { Checkpoint } from './contract.ts';
import type { KnownDefect } from './scenario.ts';

/** A known defect, and the version that this boot says it is of; undefined: it said none. */
export type VersionedDefect = KnownDefect & { readonly version: string | undefined };

function says({ of, version = '', mendedIn, fix }: VersionedDefect): string {
  const name = version.startsWith(of) ? version : `${of} ${version}`;
  return `known defect of ${name}, mended in ${mendedIn} (${fix})`;
}

/** The checkpoints, that of the known defect counted as it should be. */
export function toldAsKnown(
  checkpoints: readonly Checkpoint[],
  known: VersionedDefect | undefined,
): readonly Checkpoint[] {
  if (!known || !isBefore(known.version, known.mendedIn)) return checkpoints;
  return checkpoints.map((checkpoint) => {
    const { name, ok, detail } = checkpoint;
    const isKnown = !ok && name === known.witness && known.text.test(detail);
    return isKnown ? { name, ok: true, detail: `${says(known)}: ${detail}` } : checkpoint;
  });
}

/** What a person should hear of a pass: a known defect of the subject, a known deviation of the loader. */
export function knownText(checkpoints: readonly Checkpoint[]): string | undefined {
  return checkpoints.find(({ detail }) => /^known (defect of|deviation:) /.test(detail))?.detail;
}

/** Why an end that should not be is as it must be with this version; undefined where it is not. */
export function knownEnd(endText: string, known: VersionedDefect | undefined): string | undefined {
  if (known?.witness !== 'end' || !isBefore(known.version, known.mendedIn)) return undefined;
  return known.text.test(endText) ? `${says(known)}: ${endText}` : undefined;
}
