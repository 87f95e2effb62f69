/** Of a check as JSON the part `mutants`. Addresses are hexadecimal text. */
import { encodeHex, hex } from '../bits/hex.ts';
import { LEAST_SCORE, type MutationScore } from '../check/mutation-score.ts';
import type { Mutant, Unmade } from '../check/mutants.ts';
import type { CheckedMutants } from './checked.ts';

export function mutantsJson({ scores, refused, durationMs }: CheckedMutants): object {
  return {
    durationMs: Math.round(durationMs),
    leastScore: LEAST_SCORE,
    entries: scores.map(scoreJson),
    refused,
  };
}

function scoreJson(score: MutationScore): object {
  const { entry, total, killed, silent, byKind, survivors, dead, unmade } = score;
  return {
    ...{ entry, total, killed, score: score.score, silent, byKind },
    survivors: survivors.map(({ mutant, because }) => ({ ...mutantJson(mutant), because: because ?? null })),
    dead: dead.map(placeJson),
    unmade: unmade.map(placeJson),
  };
}

function placeJson({ linkTime, ...rest }: Unmade): object {
  return { linkTime: hex(linkTime), ...rest };
}

function mutantJson({ kind, linkTime, symbol, original, mutated, edit }: Mutant): object {
  const bytes = encodeHex(edit.bytes);
  return { kind, linkTime: hex(linkTime), symbol: symbol ?? null, original, mutated, bytes };
}
