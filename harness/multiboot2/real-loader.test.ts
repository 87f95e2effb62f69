import t from 'tap';
import { bootMedium } from '../image/medium.ts';
import { bareBoot } from '../image/testdata/bare-machine.ts';
import { builtGrub } from '../image/testdata/built-grub.ts';
import { parseElf } from '../elf/elf-image.ts';
import { checkHeader } from './header-rules.ts';
import { parseMultiboot2Header } from './image-header.ts';
import { checkInformation } from './information-rules.ts';
import type { InformationContext } from './information-view.ts';
import { loadedImage } from './loaded-image.ts';
import { brokenRules } from './rule-finding.ts';
import { MIN, RELOCATABLE } from './testdata/image-builder.ts';
import { REPORTING_KERNEL_SIZE, reportingKernel } from './testdata/reporting-kernel.ts';

const MEMORY_TOP = 0x1000_0000;
const REQUEST = { type: 1, payload: [1, 2, 3, 4, 6, 12, 17, 18, 20, 21] };
const MODULES = [{ bytes: Buffer.from('first'), arguments: 'one' }, { bytes: Buffer.alloc(5000) }];

interface Case {
  readonly firmware: 'bios' | 'efi';
  readonly kind: 'fixed' | 'relocatable' | 'boot services kept';
}
const CASES: readonly Case[] = [
  { firmware: 'bios', kind: 'fixed' },
  { firmware: 'bios', kind: 'relocatable' },
  { firmware: 'efi', kind: 'fixed' },
  { firmware: 'efi', kind: 'relocatable' },
  { firmware: 'efi', kind: 'boot services kept' },
];

const folder = t.testdir({ cache: {}, run: {} });
const medium = async () =>
  bootMedium('iso', await builtGrub(), { cacheRoot: `${folder}/cache`, onProgress: () => {} });

/** Where GRUB's debug output says it put the image: another witness than tag 21. */
function announcedBase(console: string): number {
  const bases = [
    ...console.matchAll(/relocatable=\d, link_base_addr=0x[0-9a-f]+,\s+load_base_addr=0x([0-9a-f]+)/g),
  ];
  return Number.parseInt(bases.at(-1)?.[1] ?? '', 16);
}

for (const { firmware, kind } of CASES)
  t.test(`what GRUB hands over breaks no rule: ${firmware}, ${kind}`, async (t) => {
    const relocatable = kind !== 'fixed';
    const keptBootServices = kind === 'boot services kept';
    const tags = relocatable ? [REQUEST, RELOCATABLE] : [REQUEST];
    const kernel = reportingKernel({ tags, keepsBootServices: keptBootServices });
    const elf = parseElf(kernel);
    const image = { bytes: kernel, header: parseMultiboot2Header(kernel), elf, loaded: loadedImage(elf) };
    t.strictSame(brokenRules(checkHeader(image)), []);

    const choice = { choice: 'rules', mode: 'boot', arguments: 'a=b c' } as const;
    const payload = { choice, kernel, modules: MODULES };
    const end = await bareBoot(
      { firmware, medium: await medium(), payload, pvpanic: false },
      `${folder}/run`,
    );
    const loadBase = announcedBase(end.console);
    t.equal(loadBase === MIN, !relocatable);
    const given: InformationContext = {
      address: end.debugPort.readUInt32LE(0),
      firmware,
      entry: keptBootServices ? 'efi64' : 'multiboot32',
      loadBase,
      imageRange: { start: loadBase, end: loadBase + REPORTING_KERNEL_SIZE },
      ...{ relocatable, keptBootServices, requested: REQUEST.payload, modules: MODULES.length },
      ...{ alignedModules: true, memoryTop: MEMORY_TOP },
    };
    const findings = checkInformation(end.debugPort.subarray(4), given);
    t.strictSame(brokenRules(findings), []);
    t.ok(findings.length > 30, `${findings.length} rules were asked`);
    t.strictSame(
      findings.filter(({ tolerated }) => tolerated).map(({ rule }) => rule),
      relocatable ? [] : ['load-base-only-if-relocatable'],
    );
  });
