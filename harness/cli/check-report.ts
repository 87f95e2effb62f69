/** One screen: what was tried, whether it holds, the end state; for a defect all that is needed to look at it. */
import { hex } from '../bits/hex.ts';
import { basesInWords, counted } from '../check/base-words.ts';
import type { BaseResult } from '../check/contract.ts';
import type { CheckSummary, EntrySummary } from '../check/summary.ts';
import type { UnservedBases } from '../check/served-bases.ts';
import type { ReporterTarget } from '../report/reporter.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { type Checked, notTriedBecause, triedBases } from './checked.ts';
import { Page } from './check-page.ts';
import { problemLines } from './check-problems.ts';
import { mutantLines } from './mutant-report.ts';
import { CheckPlaces } from './check-places.ts';

/** Of one entry; the rest is in the JSON. */
const OBSERVATIONS_SHOWN = 7;
const NOTES_SHOWN = 3;
const UNSERVED_SHOWN = 4;

/** Lines without their ends. */
export async function checkReport(checked: Checked, target: ReporterTarget): Promise<string[]> {
  const page = new Page(target);
  const { summary, subject } = checked;
  const { linkBase, loadSize } = subject.image.loaded;
  page.say(`${subject.label}: ${hex(loadSize, 1)} bytes in memory, linked at ${hex(linkBase)}`);
  if (subject.name === 'xen' && !subject.symbols)
    page.say('without its symbols it is judged by less, and nothing is named; give them: --xen FILE,SYMBOLS');
  page.gap();
  for (const entry of summary.entries) entryLines(page, checked, entry);
  for (const one of checked.unserved) unservedLines(page, one);
  if (summary.holds) endStateLines(page, summary);
  else {
    page.gap();
    problemLines(page, checked, await placesOf(checked));
  }
  noteLines(page, summary);
  if (checked.mutants) mutantLines(page, checked.mutants);
  page.gap();
  lastLine(page, checked);
  return page.lines;
}

async function placesOf({ subject, summary }: Checked): Promise<CheckPlaces> {
  const { defects, failures } = summary;
  const places = [...defects.map(({ linkTime }) => linkTime), ...failures.flatMap(({ places }) => places)];
  return CheckPlaces.of(subject, await loadDisassembler(), places);
}

function entryLines(page: Page, checked: Checked, summary: EntrySummary): void {
  const { entry, tried, held, ends } = summary;
  const among = triedBases(checked, summary);
  const { green, red, bold } = page.colours;
  const lead = `${entry.padEnd(4)}  `;
  if (held.length === tried.length)
    page.say(`✓ holds at ${basesInWords(tried, among)}`, { lead, paint: green });
  else {
    const wrong = tried.filter((base) => !held.includes(base));
    const text = `✗ defects at ${wrong.length.toLocaleString('en')} of ${counted(tried.length, 'base')}: ${basesInWords(wrong, among)}`;
    page.say(text, { lead, paint: (line) => bold(red(line)) });
  }
  for (const { text, bases } of ends)
    page.say(`${text} at ${basesInWords(bases, among)}`, { lead: ' '.repeat(lead.length) });
}

function unservedLines(page: Page, unserved: UnservedBases): void {
  const { entry, bases } = unserved;
  const shown = bases.slice(0, UNSERVED_SHOWN).map((base) => hex(base));
  const more = bases.length - shown.length;
  const at = `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  page.say(`not tried at ${at}: ${notTriedBecause(unserved)}`, { lead: `${entry.padEnd(4)}  ` });
}

/** Entries of whose end states the same would be shown are shown once. */
function endStateLines(page: Page, { entries }: CheckSummary): void {
  const shown = new Map<string, { names: string[]; example: BaseResult }>();
  for (const { entry, example } of entries) {
    if (!example || example.endState.length === 0) continue;
    const key = example.endState
      .slice(0, OBSERVATIONS_SHOWN)
      .map(({ text }) => text)
      .join('\n');
    const same = shown.get(key);
    if (same?.example.loadBase === example.loadBase) same.names.push(entry);
    else shown.set(key, { names: [entry], example });
  }
  for (const { names, example } of shown.values()) {
    page.gap();
    const alike = names.length > 1 ? `${names.join(' and ')} alike` : names.join('');
    page.say(`end state at ${hex(example.loadBase)} (${alike}):`);
    const room = Math.ceil(OBSERVATIONS_SHOWN / Math.max(1, shown.size - 1));
    for (const { text } of example.endState.slice(0, room)) page.say(text, { lead: '  ✓ ' });
    const more = example.endState.length - room;
    if (more > 0) page.say(`… and ${more} more; --json has all`, { lead: '  ' });
  }
}

function noteLines(page: Page, { notes }: CheckSummary): void {
  if (notes.length === 0) return;
  page.gap();
  page.say('known defects of this version, which are not counted:');
  for (const note of notes.slice(0, NOTES_SHOWN)) page.say(note, { lead: '  - ' });
  if (notes.length > NOTES_SHOWN)
    page.say(`… and ${notes.length - NOTES_SHOWN} more; --json has all`, { lead: '  ' });
}

function lastLine(page: Page, { summary, results, durationMs }: Checked): void {
  const executed = results.reduce((sum, result) => sum + result.executed, 0);
  const wrong = summary.defects.length + summary.failures.length;
  const { green, red, bold } = page.colours;
  const verdict = summary.holds ? '✓ holds at every base tried' : `✗ ${counted(wrong, 'problem')}`;
  page.say(
    `${verdict} (${counted(results.length, 'boot')}, ${(executed / 1e6).toFixed(1)} M instructions, ${(durationMs / 1000).toFixed(1)} s)`,
    { paint: summary.holds ? green : (line) => bold(red(line)) },
  );
}
