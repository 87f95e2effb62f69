/**
 * What a record of a boot means, given what was expected. Pure. Verdicts about the subject (pass, fail, crash) and about
 * us (error) are kept apart: a broken host never looks like a broken Xen.
 */
import { hex } from '../bits/hex.ts';
import type { BootEnd } from '../boot/boot-end.ts';
import type { BootRecord } from '../boot/boot-record.ts';
import { deathText, type Death } from '../boot/death.ts';
import { isStop, type ObservedCheckpoint } from '../boot/subject-driver.ts';
import type { ProcessExit } from '../process/spawn-group.ts';
import type { Observation } from '../guest/guest-view.ts';
import type { Checkpoint, Expectation, Verdict } from './contract.ts';
import { knownEnd, knownText, toldAsKnown, type VersionedDefect } from './known-defect.ts';

export interface Judgement {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly checkpoints: readonly Checkpoint[];
  /** What a person should hear of a pass. */
  readonly note?: string;
}

export interface JudgedRecord {
  readonly record: BootRecord;
  readonly expectation: Expectation;
  /** Where the image is, by the loader's own word; the entry checkpoint finds it there. */
  readonly loadBase: number | undefined;
  /** What the subject says of itself, where it came to its expected end. */
  readonly own: { readonly name: string; readonly observations: readonly Observation[] };
  /** What GRUB did with the window that it was given, where it had a choice. */
  readonly placement: readonly Observation[];
  /** Why GRUB should refuse, asked again of the memory map that this very boot printed. */
  readonly refusalNow: string | undefined;
  /** false: a protocol by which GRUB does not say where it puts an image. */
  readonly loaderSays?: boolean;
  /** What this version of subject or loader is known to do. */
  readonly known?: VersionedDefect | undefined;
  /** How the machine died, where that was looked into. */
  readonly death?: Death | undefined;
}

export function judge(judged: JudgedRecord): Judgement {
  const checkpoints = toldAsKnown(checkpointsOf(judged), judged.known);
  const { verdict, reason } = verdictOf(judged, checkpoints);
  const note = verdict === 'pass' ? (knownText(checkpoints) ?? endNote(reason)) : undefined;
  return { verdict, reason, checkpoints, ...(note === undefined ? {} : { note }) };
}

function verdictOf(
  judged: JudgedRecord,
  checkpoints: readonly Checkpoint[],
): { verdict: Verdict; reason: string } {
  const { record, expectation } = judged;
  const broken = harnessFault(record.end);
  if (broken) return { verdict: 'error', reason: broken };
  if (expectation.kind === 'refused') return judgeRefusal(judged, expectation);
  const wrong = checkpoints.filter(({ ok }) => !ok);
  const first = wrong[0];
  if (expectation.kind === 'window' && record.end.kind === 'refused') return judgeWindowRefusal(checkpoints);
  const wantedEnd = expectation.kind === 'early-error' ? 'early-error' : 'expected';
  if (record.end.kind !== 'subject' || record.end.meaning !== wantedEnd) {
    const asKnown = knownEnd(endText(judged), judged.known);
    if (asKnown !== undefined && !first) return { verdict: 'pass', reason: asKnown };
    const also = first ? `; before that, ${first.name}: ${first.detail}` : '';
    return { verdict: endVerdict(record.end), reason: `${endText(judged)}${lastSeen(record)}${also}` };
  }
  if (first) return { verdict: 'fail', reason: `${first.name}: ${first.detail}` };
  // An early error comes somewhere after the entry and before the rest.
  const missed = record.missed.filter((name) => expectation.kind !== 'early-error' || name === 'entry');
  if (missed.length > 0)
    return { verdict: 'fail', reason: `it ended as expected, but never passed: ${missed.join(', ')}` };
  const known = knownText(checkpoints);
  const also = known === undefined ? '' : `; ${known}`;
  return { verdict: 'pass', reason: `${passText(judged, checkpoints.length)}${also}` };
}

function passText({ expectation, loadBase, record }: JudgedRecord, witnesses: number): string {
  const where = loadBase === undefined ? '' : ` at ${hex(loadBase)}`;
  if (expectation.kind === 'early-error') return `loaded${where}, it said exactly “${expectation.text}”`;
  if (expectation.kind === 'not-relocated')
    return `control: forced to ${hex(expectation.base)}, it landed${where}, and ${witnesses} witnesses say so`;
  return `booted${where}; ${witnesses} witnesses agree${record.checkpoints.length === 0 ? ' (no checkpoint could be set)' : ''}`;
}

/** How it ended is what is known of this version. */
function endNote(reason: string): string | undefined {
  return reason.startsWith('known defect of ') ? reason : undefined;
}

function judgeWindowRefusal(checkpoints: readonly Checkpoint[]): { verdict: Verdict; reason: string } {
  const placement = checkpoints.find(({ name }) => name === 'placement');
  if (!placement)
    return { verdict: 'fail', reason: 'GRUB refused, and nothing could judge whether it had to' };
  return { verdict: placement.ok ? 'pass' : 'fail', reason: placement.detail };
}

type Refused = Extract<Expectation, { kind: 'refused' }>;

function judgeRefusal(judged: JudgedRecord, expected: Refused): { verdict: Verdict; reason: string } {
  const { record, refusalNow } = judged;
  const { end } = record;
  const { reason: predicted, byHeader } = expected;
  if (end.kind !== 'refused')
    return {
      verdict: end.kind === 'subject' ? 'fail' : endVerdict(end),
      reason: `GRUB should have refused (${predicted}), but ${endText(judged)}`,
    };
  const now = byHeader ? predicted : refusalNow;
  if (now === undefined)
    return {
      verdict: 'error',
      reason: `the refusal was predicted from a survey (${predicted}), but this boot's own memory map gives no reason for it`,
    };
  if (end.errors.length === 0) return { verdict: 'fail', reason: 'GRUB refused without saying why' };
  const { grubError } = byHeader ?? {};
  if (grubError !== undefined && !end.errors.some((error) => error.includes(grubError)))
    return {
      verdict: 'fail',
      reason: `GRUB refused with “${end.errors.join('”, “')}”, not with “${grubError}” (${predicted})`,
    };
  const words = byHeader ? `; GRUB said “${end.errors.join('”, “')}”` : '';
  return { verdict: 'pass', reason: `refused as predicted: ${now}${words}` };
}

/** Ends that say nothing about the subject. */
function harnessFault(end: BootEnd): string | undefined {
  if (end.kind === 'survey') return 'the machine ended its survey instead of booting';
  if (end.kind === 'console' && end.state === 'closed')
    return `QEMU closed the serial port and went on: ${end.detail}`;
  if (end.kind !== 'machine') return undefined;
  if (end.end.kind === 'internal-error')
    return `${end.end.detail}: the accelerator or QEMU failed, not the guest`;
  if (end.end.kind === 'qemu-exit')
    return `QEMU ended by itself${end.end.stderr ? `: ${end.end.stderr.trim()}` : ` (${exitText(end.end.exit)})`}`;
  return undefined;
}

function exitText(exit: ProcessExit): string {
  return exit.kind === 'exit' ? `exit code ${exit.code}` : exit.signal;
}

/** Ends in which nobody had a last word of his own. */
const CRASHES = new Set<BootEnd['kind']>(['timeout', 'machine', 'console', 'still', 'exception']);

function endVerdict(end: BootEnd): Verdict {
  return CRASHES.has(end.kind) ? 'crash' : 'fail';
}

function endText({ record: { end }, death }: JudgedRecord): string {
  // What GRUB or the subject said itself is named as such; a timeout also says what it was waited for.
  const named = death && CRASHES.has(end.kind) ? deathText(death) : undefined;
  if (named !== undefined && end.kind !== 'timeout') return named;
  switch (end.kind) {
    case 'survey':
      return 'the survey ended';
    case 'refused':
      return `GRUB refused: ${end.errors.join('; ') || 'it gave no reason'}`;
    case 'loader':
    case 'console':
      return end.detail;
    case 'subject':
      return `the subject said “${end.text}”`;
    case 'machine':
      return end.end.kind === 'reset'
        ? 'the guest reset or triple-faulted'
        : `the machine ended (${end.end.kind})`;
    case 'timeout':
      return `${named ?? 'no end was seen'}; time was up while it waited for ${end.awaited}`;
    case 'still':
      return end.stillness.kind === 'halted' ? 'the CPU halted for good' : 'the CPU loops';
    case 'exception':
      return `a firmware exception (${end.exception.description})`;
  }
}

function lastSeen({ checkpoints, missed, end }: BootRecord): string {
  const last = checkpoints.filter(isStop).at(-1);
  const before = missed[0] === undefined ? '' : `, before “${missed[0]}”`;
  const stop = last ? ` after checkpoint “${last.name}”${before}` : '';
  const line = end.kind === 'timeout' && end.lastSeen ? `; last console line: ${end.lastSeen}` : '';
  return `${stop}${line}`;
}

/** The loader's word, the stub's checkpoints and the console, in the order of the boot. */
function checkpointsOf(judged: JudgedRecord): Checkpoint[] {
  const { record, own, placement } = judged;
  return [
    ...(record.loader && record.end.kind !== 'refused' && judged.loaderSays !== false
      ? [fold('loader', loaderObservations(judged))]
      : []),
    ...(placement.length > 0 ? [fold('placement', placement)] : []),
    ...record.checkpoints.map((checkpoint: ObservedCheckpoint) =>
      fold(checkpoint.name, checkpoint.observations),
    ),
    ...(own.observations.length > 0 ? [fold(own.name, own.observations)] : []),
    ...(judged.expectation.kind === 'early-error' &&
    record.end.kind === 'subject' &&
    record.end.meaning === 'early-error'
      ? [fold('early error', earlyError(judged.expectation.text, record))]
      : []),
  ];
}

function earlyError(text: string, { subjectLines }: BootRecord): Observation[] {
  const said = subjectLines.filter((line) => line.startsWith('ERR:'));
  const ok = said.length === 1 && said[0] === text;
  return [
    {
      ok,
      text: ok
        ? `exactly “${text}”, once`
        : `the console says ${JSON.stringify(said)}, not exactly “${text}” once`,
    },
  ];
}

function loaderObservations({ record, expectation }: JudgedRecord): Observation[] {
  const loader = record.loader;
  const chosen = loader?.loadBase;
  const wanted =
    expectation.kind === 'not-relocated'
      ? expectation.linkBase
      : expectation.kind === 'refused' || expectation.kind === 'window'
        ? undefined
        : expectation.base;
  return [
    chosen === undefined
      ? { ok: false, text: 'GRUB did not say where it loaded the image' }
      : wanted !== undefined && chosen !== wanted
        ? { ok: false, text: `GRUB loaded the image at ${hex(chosen)}, not at ${hex(wanted)}` }
        : { ok: true, text: `GRUB says it loaded the image at ${hex(chosen)}` },
  ];
}

/** One line for many observations: what failed, else all that was seen. */
export function fold(name: string, observations: readonly Observation[]): Checkpoint {
  const wrong = observations.filter(({ ok }) => !ok);
  const ok = wrong.length === 0 && observations.length > 0;
  return {
    name,
    ok,
    detail: (ok ? observations : wrong).map(({ text }) => text).join('; ') || 'nothing could be observed',
  };
}
