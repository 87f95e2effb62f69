/** The part of a check's report that tells what is wrong: the first defect in full, the others a line each. */
import { basesInWords } from '../check/base-words.ts';
import type { Defect, Failure, Where } from '../check/summary.ts';
import { nextCommand } from './check-next.ts';
import type { CheckPlaces } from './check-places.ts';
import type { Page } from './check-page.ts';
import { type Checked, triedBases } from './checked.ts';
import {
  codeLines,
  fieldLine,
  findingLines,
  headLine,
  placeName,
  ruleText,
  touchedText,
} from './finding-lines.ts';

/** In all; one defect has many consequences. */
const OTHERS_SHOWN = 6;

export function problemLines(page: Page, checked: Checked, places: CheckPlaces): void {
  const { defects, failures } = checked.summary;
  const [defect, ...otherDefects] = defects;
  // What has a place in the code tells more than what has none.
  const failure = defect ? undefined : (failures.find(({ code }) => code) ?? failures[0]);
  if (defect) defectLines(page, defect, checked, places);
  if (failure) failureLines(page, failure, checked, places);
  const others = [
    ...otherDefects.map((one) => () => otherDefect(page, one, checked, places)),
    ...failures.filter((one) => one !== failure).map((one) => () => otherFailure(page, one, checked, places)),
  ];
  if (others.length === 0) return;
  page.gap();
  page.say(`beside it, perhaps because of it:`);
  others.slice(0, OTHERS_SHOWN).forEach((say) => say());
  if (others.length > OTHERS_SHOWN)
    page.say(`… and ${others.length - OTHERS_SHOWN} more; --json has all`, { lead: '  ' });
}

function defectLines(page: Page, defect: Defect, checked: Checked, places: CheckPlaces): void {
  const { example, linkTime, where } = defect;
  findingLines(page, { linkTime, ...example }, places);
  visibilityLines((name, text) => fieldLine(page, name, text), where, checked);
  page.command(next(checked, example), '  next      ');
}

function failureLines(page: Page, failure: Failure, checked: Checked, places: CheckPlaces): void {
  const { kind, code, where, example } = failure;
  headLine(page, failureText(failure, places));
  // The first instruction of an asymmetry was looked for in the run at the reference base.
  const { linkBase } = checked.subject.image.loaded;
  const lain = kind === 'asymmetry' ? { ...example, loadBase: linkBase } : example;
  codeLines(page, code ? places.disassembly(code, lain) : []);
  visibilityLines((name, text) => fieldLine(page, name, text), where, checked);
  page.command(next(checked, example), '  next      ');
}

/** Entries that say the same have one line. */
function visibilityLines(
  field: (name: string, text: string) => void,
  where: readonly Where[],
  checked: Checked,
): void {
  for (const [text, entries] of byText(where, (one) => visibilityText(one, checked)))
    field(entries.join(','), text);
}

function visibilityText(one: Where, checked: Checked): string {
  const { shows, silent } = one;
  const words = (bases: readonly number[]) =>
    basesInWords(bases, triedBases(checked, entrySummary(one, checked)));
  if (shows.length === 0) return `silent at ${words(silent)}: no console would show it`;
  if (silent.length === 0) return `a console would show it at ${words(shows)}`;
  return `a console would show it at ${words(shows)}; silent at ${words(silent)}`;
}

function byText(where: readonly Where[], text: (one: Where) => string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const one of where) found.set(text(one), [...(found.get(text(one)) ?? []), one.entry]);
  return found;
}

function entrySummary({ entry }: Where, { summary }: Checked) {
  const found = summary.entries.find((one) => one.entry === entry);
  if (!found) throw new Error(`nothing was tried through ${entry}`);
  return found;
}

function otherDefect(page: Page, defect: Defect, checked: Checked, places: CheckPlaces): void {
  const { linkTime, example, where } = defect;
  const touched = touchedText(example.finding, example, places);
  page.say(
    `${placeName(linkTime, places)}: ${ruleText(defect.rule)}: ${touched} (${wherePhrase(where, checked)})`,
    { lead: '  ✗ ' },
  );
}

function otherFailure(page: Page, failure: Failure, checked: Checked, places: CheckPlaces): void {
  page.say(`${failureText(failure, places)} (${wherePhrase(failure.where, checked)})`, { lead: '  ✗ ' });
}

function failureText({ kind, text, places: found }: Failure, places: CheckPlaces): string {
  const at = found.map((place) => placeName(place, places));
  const begins = kind === 'asymmetry' ? 'since ' : 'at ';
  const said = { ending: text, 'end state': `end state: ${text}`, asymmetry: `not symmetric: ${text}` }[kind];
  return `${said}${at.length > 0 ? `, ${begins}${at.join('; ')}` : ''}`;
}

function wherePhrase(where: readonly Where[], checked: Checked): string {
  const words = (one: Where) => basesInWords(one.bases, triedBases(checked, entrySummary(one, checked)));
  return [...byText(where, words)].map(([text, entries]) => `${entries.join(', ')}: ${text}`).join('; ');
}

function next({ subject, options, isMisaligned }: Checked, { entry, loadBase }: Failure['example']): string {
  return nextCommand(subject, options, { entry, loadBase, isMisaligned: isMisaligned(loadBase) });
}
