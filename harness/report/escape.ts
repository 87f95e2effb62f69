/**
 * What a guest prints is hostile: it may carry terminal sequences, text that runs backwards, characters that XML
 * forbids, or commands to the CI system that reads our output. Every text that comes from one passes through here.
 */

/** Categories Cc, Cf, Cs, Co, Cn, and the line and paragraph separators: nothing of these shows as itself. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const INVISIBLE_BUT_LINES = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/gu;
/** Azure Pipelines and GitHub's older runners look for these anywhere in a line. */
const CI_COMMAND = /##(?=\[|vso\[|teamcity\[)/g;
const TAB_STOP = 8;

/**
 * One line that any terminal and any CI log shows as it is: control, format and unassigned characters and line ends
 * become `\x1b`, `\u202e`; tabs become spaces.
 */
export function escapeForTerminal(text: string): string {
  return expandTabs(text).replace(INVISIBLE, codePointEscape).replace(CI_COMMAND, '#\\x23');
}

/**
 * Text that may stand in XML 1.0 (§2.2 Char), in attributes as in CDATA sections. `&`, `<` and quotes are left to the
 * builder. `]]>` is made visible, because xmlbuilder 15 splits only the first one of a CDATA section.
 */
export function escapeForXml(text: string): string {
  return text.replace(INVISIBLE_BUT_LINES, codePointEscape).replaceAll(']]>', ']]\\x3e');
}

/** JSON whose value is unchanged, but that holds no character a terminal would act on (DEL, C1, format characters). */
export function escapeForJson(json: string): string {
  return json.replace(INVISIBLE_BUT_LINES, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${hexDigits(character.charCodeAt(index), 4)}`,
    ).join(''),
  );
}

/** At most `max` characters (UTF-16 units) of `text`; what is cut ends in `…`. */
export function bound(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = Math.max(0, max - 1);
  const splitsPair = /[\ud800-\udbff]/.test(text.charAt(end - 1));
  return `${text.slice(0, splitsPair ? end - 1 : end)}…`;
}

/** Bounds first, so that the cost of escaping is bounded as well. */
export function guestLine(text: string, max: number): string {
  return escapeForTerminal(bound(text, max));
}

function expandTabs(text: string): string {
  if (!text.includes('\t')) return text;
  let line = '';
  for (const character of text)
    line += character === '\t' ? ' '.repeat(TAB_STOP - (line.length % TAB_STOP)) : character;
  return line;
}

function codePointEscape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${hexDigits(code, 2)}`;
  return code <= 0xffff ? `\\u${hexDigits(code, 4)}` : `\\u{${code.toString(16)}}`;
}

function hexDigits(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
