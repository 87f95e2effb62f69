import { guestLine } from './escape.ts';
import { EXCERPT_LINES_MAX, EXCERPT_LINE_MAX } from './limits.ts';

/** The last lines of an excerpt, each escaped and bounded; the first says how many were left out. */
export function excerptLines(excerpt: readonly string[] = []): string[] {
  const lines = excerpt.slice(-EXCERPT_LINES_MAX - 1).flatMap(linesOf);
  const kept = lines.slice(-EXCERPT_LINES_MAX).map((line) => guestLine(line, EXCERPT_LINE_MAX));
  const isCut = excerpt.length > EXCERPT_LINES_MAX || lines.length > kept.length;
  return isCut ? ['… (earlier lines are in the evidence)', ...kept] : kept;
}

function linesOf(text: string): string[] {
  return text.split(/\r*\n/).slice(-EXCERPT_LINES_MAX - 1);
}
