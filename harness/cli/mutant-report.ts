/** The mutation score on the check's screen: how much of the image's forgetting would be noticed. */
import { counted } from '../check/base-words.ts';
import { hex } from '../bits/hex.ts';
import { isScoreReached, LEAST_SCORE, type MutationScore, type Survivor } from '../check/mutation-score.ts';
import type { Page } from './check-page.ts';
import type { CheckedMutants } from './checked.ts';

/** The rest is in the JSON. */
const SURVIVORS_SHOWN = 6;

export function mutantLines(page: Page, { scores, refused, durationMs }: CheckedMutants): void {
  const { green, red, bold } = page.colours;
  const isReached = isScoreReached(scores) && refused.length === 0;
  page.gap();
  page.say(
    `mutants, each the image with its base forgotten in one place (${(durationMs / 1000).toFixed(1)} s):`,
  );
  for (const { entry, reason } of refused)
    page.say(`✗ ${reason}`, { lead: `${entry.padEnd(4)}  `, paint: red });
  for (const score of scores) scoreLines(page, score);
  const [killed, total] = [sum(scores, 'killed'), sum(scores, 'total')];
  page.say(
    `${isReached ? '✓' : '✗'} ${killed} of ${total} noticed, ${percent(killed, total)}${verdict(scores)}`,
    { paint: isReached ? green : (line) => bold(red(line)) },
  );
}

function scoreLines(page: Page, score: MutationScore): void {
  const { entry, total, killed, silent, byKind, dead, unmade, survivors } = score;
  const lead = `${entry.padEnd(4)}  `;
  const indent = { lead: ' '.repeat(lead.length) };
  page.say(
    `${killed} of ${total} noticed, ${percent(killed, total)}; ${silent} of them would boot as if nothing were wrong`,
    { lead },
  );
  const kinds = Object.entries(byKind).map(([kind, of]) => `${kind} ${of.killed}/${of.total}`);
  page.say(`by kind: ${kinds.join(', ')}`, indent);
  for (const survivor of survivors.slice(0, SURVIVORS_SHOWN)) survivorLine(page, survivor, indent.lead);
  if (survivors.length > SURVIVORS_SHOWN)
    page.say(`… and ${survivors.length - SURVIVORS_SHOWN} more; --json has all`, indent);
  if (dead.length > 0)
    page.say(
      `not counted: ${counted(dead.length, 'place')} that compute what nothing reads; with them it would be ${killed} of ${total + dead.length}`,
      indent,
    );
  if (unmade.length > 0)
    page.say(`no mutant could be made of ${counted(unmade.length, 'more place')}; --json has them`, indent);
}

function survivorLine(page: Page, { mutant, because }: Survivor, indent: string): void {
  const { symbol, linkTime, original, mutated } = mutant;
  const where = symbol ?? hex(linkTime);
  const why = because === undefined ? 'unexplained' : `equivalent: ${because}`;
  page.say(`not noticed: ${original} at ${where} as ${mutated}; ${why}`, { lead: indent });
}

function verdict(scores: readonly MutationScore[]): string {
  const unexplained = scores
    .flatMap(({ survivors }) => survivors)
    .filter(({ because }) => because === undefined);
  const least = `at least ${LEAST_SCORE * 100} % are asked for`;
  return unexplained.length === 0 ? ` (${least})` : `; ${unexplained.length} unexplained (${least})`;
}

function sum(scores: readonly MutationScore[], of: 'killed' | 'total'): number {
  return scores.reduce((all, score) => all + score[of], 0);
}

/** Rounded down: 100 % is all. */
function percent(part: number, whole: number): string {
  return whole === 0 ? 'of none' : `${(Math.floor((1000 * part) / whole) / 10).toFixed(1)} %`;
}
