/** The strict validator of boot information: every rule on the bytes as they lie in guest memory. */
import { EFI_MEMORY_MAP_RULES, MEMORY_MAP_RULES } from './information-map-rules.ts';
import { MODULE_RULES } from './information-module-rules.ts';
import { LOAD_BASE_RULES, PRESENCE_RULES } from './information-firmware-rules.ts';
import { INFORMATION_STRUCTURE_RULES } from './information-structure-rules.ts';
import { FRAMEBUFFER_RULES, TABLE_RULES } from './information-table-rules.ts';
import {
  fieldsOfKind,
  type InformationContext,
  type InformationView,
  viewInformation,
} from './information-view.ts';
import { toleranceOf } from './known-deviations.ts';
import { judge, type Rule, type RuleFinding } from './rule-finding.ts';

export const INFORMATION_RULES: readonly Rule<InformationView>[] = [
  ...INFORMATION_STRUCTURE_RULES,
  ...LOAD_BASE_RULES,
  ...PRESENCE_RULES,
  ...MODULE_RULES,
  ...MEMORY_MAP_RULES,
  ...EFI_MEMORY_MAP_RULES,
  ...FRAMEBUFFER_RULES,
  ...TABLE_RULES,
];

/**
 * One finding for each rule that applies. Any bytes will do: what cannot be walked is a finding, never an exception.
 * @param bytes from the address in EBX on; may be longer than the total size they begin with.
 */
export function checkInformation(bytes: Uint8Array, given: InformationContext): RuleFinding[] {
  const view = viewInformation(bytes, given);
  const [loader] = fieldsOfKind(view, 'bootLoaderName');
  return judge(INFORMATION_RULES, view, toleranceOf(loader?.name));
}
