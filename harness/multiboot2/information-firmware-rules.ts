/** Rules for which tags must come, and must not, by firmware and by what the image asks for. */
import { hex } from '../bits/hex.ts';
import {
  fieldsOfKind,
  has,
  type InformationContext,
  type InformationView,
  isWhole,
} from './information-view.ts';
import { breachIf, type Rule } from './rule-finding.ts';

type InformationRule = Rule<InformationView>;

/** Tags by their type numbers, as messages name them. */
const NAMES: Readonly<Record<number, string>> = {
  1: 'command line',
  2: 'boot loader name',
  3: 'module',
  4: 'basic memory',
  5: 'BIOS boot device',
  6: 'memory map',
  7: 'VBE',
  9: 'ELF sections',
  10: 'APM',
  11: 'EFI 32-bit system table',
  12: 'EFI 64-bit system table',
  17: 'EFI memory map',
  18: 'EFI boot services not terminated',
  19: 'EFI 32-bit image handle',
  20: 'EFI 64-bit image handle',
  21: 'load base address',
};

const always = (): boolean => true;
const tellsBase = ({ relocatable, toldBase }: InformationContext): boolean =>
  relocatable && typeof toldBase !== 'object';
const mapsGiven = ({ keptBootServices }: InformationContext): boolean => !keptBootServices;

/** Information that is there for certain on this firmware, so that a request for it must be met. */
const AVAILABLE: Readonly<Record<number, (given: InformationContext) => boolean>> = {
  1: always,
  2: always,
  3: ({ modules }) => modules > 0,
  4: mapsGiven,
  6: mapsGiven,
  12: ({ firmware }) => firmware === 'efi',
  17: (given) => given.firmware === 'efi' && mapsGiven(given),
  18: ({ keptBootServices }) => keptBootServices,
  20: ({ keptBootServices }) => keptBootServices,
  21: tellsBase,
};

export const PRESENCE_RULES: readonly InformationRule[] = [
  {
    name: 'requested-tags',
    demands: 'what the image requests and the loader can tell is there, or the loader refuses the image',
    source: 'Multiboot2 §3.1.4',
    breaches: present(({ requested, ...given }) =>
      requested.filter((type) => AVAILABLE[type]?.({ requested, ...given }) === true),
    ),
  },
  {
    name: 'maps-given',
    demands: 'memory map and basic memory come unless EFI boot services are kept, on EFI with its own map',
    source: 'Multiboot2 §3.6.3, §3.6.8, §3.6.19',
    breaches: present((given) =>
      mapsGiven(given) ? (given.firmware === 'efi' ? [4, 6, 17] : [4, 6]) : undefined,
    ),
  },
  {
    name: 'maps-left-out',
    demands: 'no map comes while EFI boot services are kept: it would be old at once',
    source: 'Multiboot2 §3.6.8, GRUB commit f2b6c20a2',
    breaches: absent((given) => (given.keptBootServices ? [4, 6, 17] : undefined)),
  },
  {
    name: 'boot-services-told',
    demands: 'the tag of boot services not terminated comes if they are kept, and only then',
    source: 'Multiboot2 §3.6.20',
    breaches: presentIff(18, ({ keptBootServices }) => keptBootServices),
  },
  {
    name: 'efi-image-handle',
    demands: 'the EFI 64-bit image handle comes with kept boot services, and only then',
    source: 'Multiboot2 §3.6.22, GRUB multiboot2 loader',
    breaches: presentIff(20, ({ keptBootServices }) => keptBootServices),
  },
  {
    name: 'efi-system-table',
    demands: 'the EFI 64-bit system table comes on EFI, and only there',
    source: 'Multiboot2 §3.6.14',
    breaches: presentIff(12, ({ firmware }) => firmware === 'efi'),
  },
  {
    name: 'efi-pointers',
    demands: 'pointers to the system table and the image handle are not null',
    source: 'Multiboot2 §3.6.14, §3.6.22',
    breaches: (view) => {
      const found = [...fieldsOfKind(view, 'efi64SystemTable'), ...fieldsOfKind(view, 'efi64ImageHandle')];
      if (found.length === 0) return undefined;
      return found.filter(({ pointer }) => pointer === 0n).map(({ type }) => `${type} is null`);
    },
  },
  {
    name: 'efi-map-only-on-efi',
    demands: 'an EFI memory map comes from EFI',
    source: 'Multiboot2 §3.6.19',
    breaches: absent(({ firmware }) => (firmware === 'efi' ? undefined : [17])),
  },
  {
    name: 'efi-32-bit-tags',
    demands: 'pointers of 32-bit EFI do not come on x86-64',
    source: 'Multiboot2 §3.6.13, §3.6.21',
    breaches: absent(() => [11, 19]),
  },
  {
    name: 'bios-tags',
    demands: 'BIOS boot device, VBE and APM come from BIOS only',
    source: 'Multiboot2 §3.6.4, §3.6.10, §3.6.11',
    breaches: absent(({ firmware }) => (firmware === 'efi' ? [5, 7, 10] : undefined)),
  },
];

export const LOAD_BASE_RULES: readonly InformationRule[] = [
  {
    name: 'load-base-told',
    demands: 'a relocatable image is told its load base address',
    source: 'Multiboot2 §3.6.23',
    breaches: present((given) => (tellsBase(given) ? [21] : undefined)),
  },
  {
    name: 'load-base-only-if-relocatable',
    demands: 'the load base address comes only if the image has the relocatable header tag',
    source: 'Multiboot2 §3.6.23',
    breaches: absent((given) => (tellsBase(given) ? undefined : [21])),
  },
  {
    name: 'load-base-value',
    demands: 'the load base address is where the image is',
    source: 'Multiboot2 §3.6.23',
    breaches: (view) => {
      const [told] = fieldsOfKind(view, 'loadBaseAddress');
      const { loadBase, toldBase = loadBase } = view.given;
      return (
        told &&
        breachIf(
          typeof toldBase === 'number' && told.address !== toldBase,
          () => `told ${hex(told.address)}, the image is at ${hex(loadBase)}`,
        )
      );
    },
  },
];

type Types = (given: InformationContext) => readonly number[] | undefined;

const named = (type: number): string => `${NAMES[type] ?? 'unnamed'} (type ${type})`;

function present(types: Types): InformationRule['breaches'] {
  return (view) => {
    if (!isWhole(view)) return undefined;
    return types(view.given)
      ?.filter((type) => !has(view, type))
      .map((type) => `no tag ${named(type)}`);
  };
}

function absent(types: Types): InformationRule['breaches'] {
  return (view) =>
    types(view.given)
      ?.filter((type) => has(view, type))
      .map((type) => `there is a tag ${named(type)}`);
}

function presentIff(
  type: number,
  condition: (given: InformationContext) => boolean,
): InformationRule['breaches'] {
  return (view) => {
    const wanted = condition(view.given);
    return (wanted ? present(() => [type]) : absent(() => [type]))(view);
  };
}
