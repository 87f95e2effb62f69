/** The part of a check's report that tells what is wrong: the first defect in full, the others a line each. */
import { hex } from '../bits/hex.ts';
import { basesInWords } from '../check/base-words.ts';
import { linkTimeAddress } from '../check/ending-words.ts';
import type { Defect, Failure, Where } from '../check/summary.ts';
import type { Finding } from '../sanitizer/finding.ts';
import { RULES } from '../sanitizer/rules.ts';
import { nextCommand } from './check-next.ts';
import type { CheckPlaces } from './check-places.ts';
import type { Page } from './check-page.ts';
import { type Checked, triedBases } from './checked.ts';

/** In all; one defect has many consequences. */
const OTHERS_SHOWN = 6;

export function problemLines(page: Page, checked: Checked, places: CheckPlaces): void {
  const [defect, ...defects] = checked.summary.defects;
  const { failures } = checked.summary;
  if (defect) defectLines(page, defect, checked, places);
  const others = [
    ...defects.map((one) => () => otherDefect(page, one, checked, places)),
    ...failures.map((one) => () => failureLines(page, one, checked, places)),
  ];
  if (others.length === 0) return;
  page.gap();
  if (defect) page.say(`beside it, perhaps because of it:`);
  others.slice(0, OTHERS_SHOWN).forEach((say) => say());
  if (others.length > OTHERS_SHOWN)
    page.say(`… and ${others.length - OTHERS_SHOWN} more; --json has all`, { lead: '  ' });
  if (!defect && failures[0]) {
    page.gap();
    page.command(next(checked, failures[0].example), '  next  ');
  }
}

function defectLines(page: Page, defect: Defect, checked: Checked, places: CheckPlaces): void {
  const { example, linkTime, rule, where } = defect;
  const { finding, loadBase } = example;
  const { bold, red } = page.colours;
  page.say(`✗ ${placeName(linkTime, places)}: ${ruleText(defect)}`, { paint: (line) => bold(red(line)) });
  page.gap();
  for (const line of places.disassembly(finding, loadBase))
    page.code(`  ${line}`, line.startsWith('=>') ? bold : undefined);
  page.gap();
  const field = (name: string, text: string) => page.say(text, { lead: `  ${name.padEnd(8)}  ` });
  field('touched', `${touchedText(finding, loadBase, checked, places)}${timesText(finding)}`);
  if (finding.expected !== undefined)
    field(
      'should',
      `be ${addressText(finding.expected, loadBase, checked, places)}, with the image at ${hex(loadBase)}`,
    );
  field('rule', rule);
  visibilityLines(field, where, checked);
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
  const touched = touchedText(example.finding, example.loadBase, checked, places);
  page.say(
    `${placeName(linkTime, places)}: ${ruleText(defect)}: ${touched} (${wherePhrase(where, checked)})`,
    { lead: '  ✗ ' },
  );
}

function failureLines(page: Page, failure: Failure, checked: Checked, places: CheckPlaces): void {
  const { kind, text, where } = failure;
  const at = failure.places.map((place) => placeName(place, places));
  const begins = kind === 'asymmetry' ? 'since ' : 'at ';
  const said = { ending: text, 'end state': `end state: ${text}`, asymmetry: `not symmetric: ${text}` }[kind];
  page.say(`${said}${at.length > 0 ? `, ${begins}${at.join('; ')}` : ''} (${wherePhrase(where, checked)})`, {
    lead: '  ✗ ',
  });
}

function wherePhrase(where: readonly Where[], checked: Checked): string {
  const words = (one: Where) => basesInWords(one.bases, triedBases(checked, entrySummary(one, checked)));
  return [...byText(where, words)].map(([text, entries]) => `${entries.join(', ')}: ${text}`).join('; ');
}

/** `__start+0x10, arch/x86/boot/head.S:512 (link-time 0x00200010)` */
function placeName(linkTime: bigint, places: CheckPlaces): string {
  const symbol = places.symbol(linkTime);
  const source = places.sourceLine(linkTime);
  const names = [...(symbol === undefined ? [] : [symbol]), ...(source === undefined ? [] : [source])];
  return names.length === 0 ? hex(linkTime) : `${names.join(', ')} (linked at ${hex(linkTime)})`;
}

function ruleText({ rule }: Pick<Defect, 'rule'>): string {
  return RULES.find(({ name }) => name === rule)?.says ?? rule;
}

function touchedText(finding: Finding, loadBase: number, checked: Checked, places: CheckPlaces): string {
  const { deed, touched, sizeBytes, what } = finding;
  const address = addressText(touched, loadBase, checked, places);
  const more = what === undefined ? '' : `; ${what}`;
  switch (deed) {
    case 'read':
    case 'write':
      return `${deed} of ${sizeBytes} bytes at ${address}${more}`;
    case 'execute':
      return `control at ${address}${more}`;
    case 'store of a pointer':
      return `a pointer to ${address}${more}`;
    case 'load of a table':
      return `a table at ${address}${more}`;
    case 'call':
      return `a call with the stack at ${address}${more}`;
  }
}

function timesText({ times }: Finding): string {
  return times > 1 ? ` (first of ${times.toLocaleString('en')} times)` : '';
}

/** With the symbol that stands there in the image, as loaded or as linked. */
function addressText(address: bigint, loadBase: number, { subject }: Checked, places: CheckPlaces): string {
  const symbol = places.symbol(linkTimeAddress(address, loadBase, subject.image.loaded));
  return `${hex(address)}${symbol === undefined ? '' : ` <${symbol}>`}`;
}

function next({ subject, options, isMisaligned }: Checked, { entry, loadBase }: Failure['example']): string {
  return nextCommand(subject, options, { entry, loadBase, isMisaligned: isMisaligned(loadBase) });
}
