/** A finding in words: which instruction broke which rule, the code around it, what it touched and should have touched. */
import { hex } from '../bits/hex.ts';
import { counted } from '../check/base-words.ts';
import type { Finding } from '../sanitizer/finding.ts';
import { type RuleName, RULES } from '../sanitizer/rules.ts';
import type { CheckPlaces, Lain } from './check-places.ts';
import type { Page } from './check-page.ts';

export interface PlacedFinding extends Lain {
  readonly finding: Finding;
  /** Of the instruction; linear. */
  readonly linkTime: bigint;
}

export function findingLines(page: Page, placed: PlacedFinding, places: CheckPlaces): void {
  const { finding, loadBase, linkTime } = placed;
  const { rule, expected } = finding;
  headLine(page, `${placeName(linkTime, places)}: ${ruleText(rule)}`);
  codeLines(page, places.disassembly(finding.instruction, placed));
  fieldLine(page, 'touched', `${touchedText(finding, placed, places)}${timesText(finding)}`);
  if (expected !== undefined) {
    const address = addressText(expected, placed, places);
    fieldLine(page, 'should', `be ${address}, with the image at ${hex(loadBase)}`);
  }
  fieldLine(page, 'rule', rule);
}

export function headLine(page: Page, text: string): void {
  const { bold, red } = page.colours;
  page.say(`✗ ${text}`, { paint: (line) => bold(red(line)) });
}

/** With a gap before and behind. */
export function codeLines(page: Page, disassembly: readonly string[]): void {
  page.gap();
  for (const line of disassembly)
    page.code(`  ${line}`, line.startsWith('=>') ? page.colours.bold : undefined);
  page.gap();
}

/** `  touched   read of 4 bytes …` */
export function fieldLine(page: Page, name: string, text: string): void {
  page.say(text, { lead: `  ${name.padEnd(8)}  ` });
}

/** `__start+0x10, arch/x86/boot/head.S:512 (link-time 0x00200010)` */
export function placeName(linkTime: bigint, places: CheckPlaces): string {
  const symbol = places.symbol(linkTime);
  const source = places.sourceLine(linkTime);
  const names = [...(symbol === undefined ? [] : [symbol]), ...(source === undefined ? [] : [source])];
  return names.length === 0 ? hex(linkTime) : `${names.join(', ')} (linked at ${hex(linkTime)})`;
}

/** A clause. */
export function ruleText(rule: RuleName): string {
  return RULES.find(({ name }) => name === rule)?.says ?? rule;
}

export function touchedText(finding: Finding, lain: Lain, places: CheckPlaces): string {
  const { deed, touched, sizeBytes, what } = finding;
  const address = addressText(touched, lain, places);
  const more = what === undefined ? '' : `; ${what}`;
  switch (deed) {
    case 'read':
    case 'write':
      return `${deed} of ${counted(sizeBytes, 'byte')} at ${address}${more}`;
    case 'execute':
      return `control at ${address}${more}`;
    case 'store of a pointer':
      return `a pointer to ${address}${more}`;
    case 'comparison':
      return `a comparison with ${address}${more}`;
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
function addressText(address: bigint, lain: Lain, places: CheckPlaces): string {
  const symbol = places.symbol(places.linkTime(address, lain));
  return `${hex(address)}${symbol === undefined ? '' : ` <${symbol}>`}`;
}
