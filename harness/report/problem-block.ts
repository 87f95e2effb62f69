/** All that a reader needs of one instance that did not pass: why, what was seen, where it is kept, how to repeat it. */

import { basename, dirname, join } from 'node:path';
import type { Checkpoint, InstanceResult } from '../scenario/contract.ts';
import { guestLine } from './escape.ts';
import { excerptLines } from './excerpt.ts';
import { CHECKPOINTS_MAX, DETAIL_MAX, NAME_MAX, REASON_MAX } from './limits.ts';
import { VERDICT_SIGN, verdictPaint } from './palette.ts';
import { chunks, wrapWords } from './text-table.ts';
import { type TableStyle, witnessText } from './verdict-table.ts';

const LABEL_WIDTH = 11;
/** Also keeps a guest's line from standing at the start of ours, where CI systems look for commands. */
const EXCERPT_RULE = '  │ ';
/** A narrower terminal than this gets lines that it breaks itself. */
const MIN_WIDTH = 40;

/** @param folder what evidence paths are relative to, as it should be shown. */
export function problemBlock(result: InstanceResult, folder: string, style: TableStyle): string[] {
  const { colours } = style;
  const title = `${VERDICT_SIGN[result.verdict]} ${result.verdict}  ${guestLine(result.name, NAME_MAX)}`;
  return [
    verdictPaint(result.verdict, colours)(title),
    ...field('expected', guestLine(result.expected, REASON_MAX), style),
    ...field('reason', guestLine(result.reason, REASON_MAX), style),
    ...deathLines(result, style),
    // What several repeats say together is no boot: each has a block of its own.
    ...(result.verdict === 'flaky' ? [] : bootLines(result, style)),
    ...field('not tried', result.notPossible.map((name) => guestLine(name, DETAIL_MAX)).join('; '), style),
    ...excerptBlock(result.excerpt, style),
    ...evidenceLines(result.evidence, folder, style),
    ...verbatim('repeat', [guestLine(result.repeat, DETAIL_MAX)], style),
  ];
}

function bootLines(result: InstanceResult, style: TableStyle): string[] {
  return [...field('load base', loadBase(result), style), ...checkpointLines(result.checkpoints, style)];
}

/** The reason names it already; here is where the guest was then. */
function deathLines({ death }: InstanceResult, style: TableStyle): string[] {
  if (!death) return [];
  const text = (value: string | null, unknown: string) =>
    value === null ? unknown : guestLine(value, NAME_MAX);
  const where = death.pc === null ? [] : [`PC ${text(death.pc, '')}, ${text(death.place, 'no known place')}`];
  const mode = death.mode === null ? [] : [guestLine(death.mode, NAME_MAX)];
  const landmark = `last landmark: ${text(death.lastLandmark, 'none')}`;
  return field('death', [guestLine(death.kind, NAME_MAX), ...where, ...mode, landmark].join('; '), style);
}

function loadBase({ base, loadBaseAddress }: InstanceResult): string {
  if (loadBaseAddress !== null && loadBaseAddress === base)
    return `${guestLine(base, NAME_MAX)}, as asked for`;
  const asked = base === null ? 'left to GRUB' : `asked for ${guestLine(base, NAME_MAX)}`;
  return `${loadBaseAddress === null ? 'not seen' : guestLine(loadBaseAddress, NAME_MAX)}, ${asked}`;
}

function checkpointLines(checkpoints: readonly Checkpoint[], style: TableStyle): string[] {
  const failed = checkpoints.filter(({ ok }) => !ok);
  const agreed = checkpoints.filter(({ ok }) => ok).map(({ name }) => guestLine(name, NAME_MAX));
  if (checkpoints.length === 0) return field('witnesses', 'none was heard', style);
  const left = failed.length - CHECKPOINTS_MAX;
  return [
    ...field(
      'witnesses',
      `${witnessText({ checkpoints })} agree${agreed.length > 0 ? `: ${agreed.join(', ')}` : ''}`,
      style,
    ),
    ...failed.slice(0, CHECKPOINTS_MAX).flatMap((checkpoint) => failedLines(checkpoint, style)),
    ...(left > 0 ? [`  … and ${left} more`] : []),
  ];
}

function failedLines({ name, detail }: Checkpoint, style: TableStyle): string[] {
  const text = `${guestLine(name, NAME_MAX)}: ${guestLine(detail, DETAIL_MAX)}`;
  return wrap(text, 6, style).map((line, index) =>
    index === 0 ? `  ${style.colours.red('✗')} ${line}` : ' '.repeat(6) + line,
  );
}

function excerptBlock(excerpt: readonly string[] | undefined, style: TableStyle): string[] {
  const width = Math.max(MIN_WIDTH, style.width) - EXCERPT_RULE.length;
  return excerptLines(excerpt)
    .flatMap((line) => chunks(line, width))
    .map((line) => (style.colours.dim(EXCERPT_RULE) + line).trimEnd());
}

/** Each folder once, on a line of its own to be copied, and below it the names of what it holds. */
function evidenceLines(evidence: InstanceResult['evidence'], folder: string, style: TableStyle): string[] {
  const names = new Map<string, string[]>();
  for (const path of Object.values(evidence)) {
    const parent = `${dirname(join(folder, path))}/`;
    names.set(parent, [...(names.get(parent) ?? []), basename(path)]);
  }
  const lines = [...names].flatMap(([parent, files]) => [
    guestLine(parent, DETAIL_MAX),
    ...wrap(guestLine(files.join(' '), DETAIL_MAX), LABEL_WIDTH + 2, style),
  ]);
  return verbatim('evidence', lines, style);
}

/** A labelled paragraph; nothing where there is no text. */
function field(label: string, text: string, style: TableStyle): string[] {
  return text === '' ? [] : verbatim(label, wrap(text, LABEL_WIDTH + 2, style), style);
}

/** Labelled lines that are not broken, so that they can be copied. */
function verbatim(label: string, lines: readonly string[], { colours }: TableStyle): string[] {
  return lines.map(
    (line, index) => `  ${colours.dim((index === 0 ? label : '').padEnd(LABEL_WIDTH))}${line}`,
  );
}

function wrap(text: string, indent: number, { width }: TableStyle): string[] {
  return wrapWords(text, Math.max(MIN_WIDTH, width) - indent);
}
