/** Registers at entry: which are the same at each base, and what rule the others follow. */
import { hex } from '../bits/hex.ts';
import type { BootImage } from '../subject/boot-image.ts';
import { readField, STATE_FIELDS } from '../x86/state/state-layout.ts';
import type { Capture } from './capture.ts';
import { entryPoint } from './entry-state.ts';
import { type MachineProfile, MachineProfileError } from './machine-profile.ts';

type Entry = MachineProfile['entry'];

/** @throws MachineProfileError where a register depends on the base in a way that no rule tells */
export function entryRules(
  states: readonly Int32Array[],
  captures: readonly Capture[],
  image: BootImage,
): Entry {
  const [fields, rules]: [Entry['fields'], Entry['rules']] = [{}, {}];
  const firmware = captures[0]!.header.firmware === 'efi' ? 'efi' : 'bios';
  const ruled = {
    'entry point': captures.map(({ loadBase }) => entryPoint(image, firmware, loadBase)),
    'last byte before the image': captures.map(({ loadBase }) => loadBase - 1),
  };
  for (const { name } of STATE_FIELDS) {
    const values = states.map((state) => readField(state, name));
    const rule = (['entry point', 'last byte before the image'] as const).find((each) =>
      values.every((value, index) => value === BigInt(ruled[each][index]!)),
    );
    if (rule) rules[name] = rule;
    else if (values.some((value) => value !== values[0]))
      throw new MachineProfileError(
        `${name} at entry is ${values.map((value) => hex(value)).join(', ')} at ${captures.map(({ loadBase }) => hex(loadBase)).join(', ')}, which no rule tells`,
      );
    else if (values[0] !== 0n) fields[name] = values[0]!;
  }
  return { fields, rules };
}
