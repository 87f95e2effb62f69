/** What the specification demands of a loader at the image's first instruction: CPU and boot information, rule by rule. */
import { relocatableTag } from '../multiboot2/relocatable-tag.ts';
import { checkInformation } from '../multiboot2/information-rules.ts';
import type { InformationContext } from '../multiboot2/information-view.ts';
import { checkMachineState } from '../multiboot2/machine-state-rules.ts';
import { brokenRules, type RuleFinding } from '../multiboot2/rule-finding.ts';
import { readU32, type GuestView, type Observation } from '../guest/guest-view.ts';
import { toldBaseOf, type LoadedSubject } from './loaded-subject.ts';

/** A boot information larger than this is not read: GRUB's are a few kilobytes. */
const MAX_INFORMATION_BYTES = 1024 * 1024;

/** Multiboot2 only. */
export async function checkEntryRules(guest: GuestView, subject: LoadedSubject): Promise<Observation[]> {
  const state = checkMachineState(await guest.readMachineState(), subject.entry);
  const address = Number(guest.registers.rbx & 0xffff_ffffn);
  const bytes = await informationBytes(guest, address);
  const information = checkInformation(bytes, informationContext(subject, address));
  return [...summed('the entry state', state), ...summed('boot information', information)];
}

/** As many bytes as it says it has, within reason: what it says is judged, too. @throws what readPhysical throws. */
async function informationBytes(guest: GuestView, address: number): Promise<Uint8Array> {
  const says = await readU32(guest, address);
  return guest.readPhysical(address, Math.min(Math.max(says, 8), MAX_INFORMATION_BYTES));
}

function informationContext(subject: LoadedSubject, address: number): InformationContext {
  const { image, firmware, entry, loadBase, relocatingLoader, moduleCount } = subject;
  const { tags } = image.header;
  const has = (type: string) => tags.some((tag) => tag.type === type);
  return {
    ...{ address, firmware, entry, loadBase, toldBase: toldBaseOf(subject) },
    imageRange: { start: loadBase, end: loadBase + image.loaded.loadSize },
    relocatable: relocatingLoader && relocatableTag(image.header) !== undefined,
    keptBootServices: firmware === 'efi' && has('efiBootServices'),
    requested: tags.flatMap((tag) =>
      tag.type === 'informationRequest' && tag.required ? [...tag.tagTypes] : [],
    ),
    modules: moduleCount,
    alignedModules: has('moduleAlignment'),
  };
}

/** What is broken, each; else how many rules hold, and which breaches are known of this loader. */
function summed(what: string, findings: readonly RuleFinding[]): Observation[] {
  const broken = brokenRules(findings);
  if (broken.length > 0) return broken.map(({ rule, text }) => ({ ok: false, text: `${rule}: ${text}` }));
  const tolerated = findings.filter((finding) => finding.tolerated).map(({ rule }) => rule);
  const but = tolerated.length > 0 ? ` (known deviation of this loader: ${tolerated.join(', ')})` : '';
  return [{ ok: true, text: `${findings.length} rules for ${what} hold${but}` }];
}
