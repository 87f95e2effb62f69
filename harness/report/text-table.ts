/** Aligned columns of plain text; colour is put on after the widths are known. */

import type { Paint } from './palette.ts';

export interface Cell {
  readonly text: string;
  readonly paint?: Paint;
}

export interface Column {
  readonly align: 'left' | 'right';
  /** May be cut in its middle, to no fewer than this many characters, where a line would be too wide. */
  readonly shrinksTo?: number;
}

const GAP = '  ';

/** The width each column needs, less what has to go for a line to fit in `maxWidth` characters. */
export function columnWidths(
  rows: readonly (readonly Cell[])[],
  columns: readonly Column[],
  maxWidth = Number.POSITIVE_INFINITY,
): number[] {
  const natural = columns.map((_, index) =>
    rows.reduce((width, row) => Math.max(width, textWidth(row[index]?.text ?? '')), 0),
  );
  let excess = natural.reduce((sum, width) => sum + width, 0) + GAP.length * (columns.length - 1) - maxWidth;
  return natural.map((width, index) => {
    const floor = columns[index]?.shrinksTo;
    if (floor === undefined || excess <= 0 || width <= floor) return width;
    const cut = Math.min(excess, width - floor);
    excess -= cut;
    return width - cut;
  });
}

/** One line without blanks at its end. */
export function tableLine(
  cells: readonly Cell[],
  columns: readonly Column[],
  widths: readonly number[],
): string {
  const parts = cells.map(({ text, paint }, index) => {
    const width = widths[index] ?? textWidth(text);
    const cut = truncateMiddle(text, width);
    const blanks = ' '.repeat(Math.max(0, width - textWidth(cut)));
    const painted = paint && cut !== '' ? paint(cut) : cut;
    return columns[index]?.align === 'right' ? blanks + painted : painted + blanks;
  });
  return parts.join(GAP).trimEnd();
}

/** `xen-early-boot~e…0x03e00000`: both ends tell instances apart, the middle least. */
export function truncateMiddle(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  if (width <= 1) return '…'.slice(0, Math.max(0, width));
  const tail = Math.floor((width - 1) / 2);
  return `${characters.slice(0, width - 1 - tail).join('')}…${characters.slice(characters.length - tail).join('')}`;
}

/** Code points: names and figures of ours are narrow characters only. */
export function textWidth(text: string): number {
  return Array.from(text).length;
}

/** Breaks at blanks, and within a word only where it is wider than a line. */
export function wrapWords(text: string, width: number): string[] {
  if (textWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/).flatMap((part) => chunks(part, width))) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (textWidth(joined) > width && line !== '') {
      lines.push(line);
      line = word;
    } else line = joined;
  }
  return line === '' ? lines : [...lines, line];
}

/** Pieces of at most `width` characters; at least one, which may be empty. */
export function chunks(text: string, width: number): string[] {
  const characters = Array.from(text);
  if (characters.length <= width) return [text];
  const step = Math.max(1, Math.floor(width));
  return Array.from({ length: Math.ceil(characters.length / step) }, (_, index) =>
    characters.slice(index * step, (index + 1) * step).join(''),
  );
}
