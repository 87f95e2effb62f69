/** A forgotten base as a defect of the image, so that a real boot judges it as it does those of the catalogue. */
import type { Defect } from './defect.ts';
import type { Patch } from './xen-reader.ts';

/** What is known of a mutant (harness/check/mutants.ts); its bytes are those for the load base of the instance. */
export interface ForgottenBase {
  readonly kind: string;
  readonly linkTime: number;
  readonly symbol?: string;
  readonly original: string;
  readonly mutated: string;
}

/** Noticed is noticed: which witness complains first, and how, is not foretold. */
export function mutantDefect(
  { kind, linkTime, symbol, original, mutated }: ForgottenBase,
  bytes: Uint8Array,
  instance: string,
): Defect {
  const patch: Patch = { linkTime, bytes };
  return {
    name: `forgotten-${kind}-${linkTime.toString(16)}`,
    claim: `${original} at ${symbol ?? `0x${linkTime.toString(16)}`} has become ${mutated}`,
    make: { depth: 'image', patches: () => [patch] },
    instances: [instance],
    expected: { verdicts: ['fail', 'crash'], reason: /./ },
  };
}
