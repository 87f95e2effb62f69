/**
 * The ways to read a line together with those before it: a landmark may be split by an 80-column wrap, by another
 * writer on the same UART, or be there twice by an echo. Pure.
 */

export interface NumberedLine {
  readonly text: string;
  readonly number: number;
}

export interface Reading {
  readonly text: string;
  /** The lines that it is made of, in their order. */
  readonly lines: readonly NumberedLine[];
}

/** Landmarks are short; longer lines are read as they are. */
const MAX_JOINED_CHARS = 512;

/**
 * The line itself comes first, so that what stands in one line is not found in several.
 * @param tail the finished lines before it, of the same phase; the last two count.
 */
export function readings(tail: readonly NumberedLine[], line: NumberedLine): Reading[] {
  const [before, last] = [tail.at(-2), tail.at(-1)];
  const own: Reading[] = [{ text: line.text, lines: [line] }];
  const once = undoubled(line.text);
  if (once !== undefined) own.push({ text: once, lines: [line] });
  if (last === undefined || line.text === '') return own;
  const joined = [
    [last, line],
    ...(before
      ? [
          [before, last, line],
          [before, line],
        ]
      : []),
  ];
  return [
    ...own,
    ...joined
      // An empty line has no part of a landmark, and what it stands between is joined without it.
      .filter((lines) => lines.every(({ text }) => text !== ''))
      .map((lines) => ({ text: lines.map(({ text }) => text).join(''), lines }))
      .filter(({ text }) => text.length <= MAX_JOINED_CHARS),
  ];
}

/** `abab` → `ab` (a line and its echo), `aabb` → `ab` (two writers of each character). */
function undoubled(text: string): string | undefined {
  const half = text.length / 2;
  if (text.length < 8 || text.length > MAX_JOINED_CHARS || !Number.isInteger(half)) return undefined;
  if (text.slice(0, half) === text.slice(half)) return text.slice(0, half);
  let single = '';
  for (let at = 0; at < text.length; at += 2) {
    if (text[at] !== text[at + 1]) return undefined;
    single += text[at];
  }
  return single;
}
