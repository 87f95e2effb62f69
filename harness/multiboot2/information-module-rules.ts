/** Rules for the modules, and for where everything that was loaded lies. */
import { isAligned } from '../bits/align.ts';
import { overlapsAmong, overlapsWith, rangeText } from './address-range.ts';
import {
  ifAny,
  imageRange,
  type InformationView,
  isWhole,
  moduleRanges,
  placed,
  tagsOf,
} from './information-view.ts';
import { breachIf, type Rule } from './rule-finding.ts';

type InformationRule = Rule<InformationView>;

const PAGE = 4096;

export const MODULE_RULES: readonly InformationRule[] = [
  {
    name: 'module-count',
    demands: 'one module tag comes for each module',
    source: 'Multiboot2 §3.6.6',
    breaches: (view) => {
      const seen = tagsOf(view, 3).length;
      if (!isWhole(view)) return undefined;
      return breachIf(
        seen !== view.given.modules,
        () => `${seen} module tags for ${view.given.modules} modules`,
      );
    },
  },
  {
    name: 'module-order',
    demands: 'a module does not end before it starts',
    source: 'Multiboot2 §3.6.6',
    breaches: ifAny(moduleRanges, (modules) =>
      modules.filter(({ start, end }) => end < start).map(rangeText),
    ),
  },
  {
    name: 'module-page-aligned',
    demands: 'modules begin at page boundaries, as the image asks',
    source: 'Multiboot2 §3.1.11',
    breaches: (view) =>
      view.given.alignedModules !== true
        ? undefined
        : moduleRanges(view)
            .filter(({ start }) => !isAligned(Number(start), PAGE))
            .map(rangeText),
  },
  {
    name: 'modules-disjoint',
    demands: 'modules do not overlap one another',
    source: 'Multiboot2 §3.6.6',
    breaches: ifAny(moduleRanges, overlapsAmong),
  },
  {
    name: 'modules-clear-of-image',
    demands: 'modules and image do not overlap',
    source: 'Multiboot2 §3.6.6',
    breaches: (view) => ifAny(moduleRanges, (modules) => overlapsWith(imageRange(view), modules))(view),
  },
  {
    name: 'below-memory-top',
    demands: 'image, boot information and modules lie in memory that the machine has',
    source: 'Multiboot2 §3.6.8',
    breaches: (view) => {
      const { memoryTop } = view.given;
      return memoryTop === undefined
        ? undefined
        : placed(view)
            .filter(({ end }) => end > memoryTop)
            .map(rangeText);
    },
  },
];
