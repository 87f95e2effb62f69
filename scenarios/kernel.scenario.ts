/**
 * CLAIM: a Multiboot2 kernel that nobody here knows is placed, entered and told what the specification says, at any load
 * base its own header allows, and goes on from there: to the console line that its user expects, or at least alive.
 *
 * A BROKEN LOADER puts it outside its window or lies to it; a BROKEN KERNEL resets, triple-faults or stands still.
 *
 * WHY THE TEST CAN TELL: header, placement, entry state, boot information and layout need no knowledge of the kernel;
 * its death shows on the machine itself. What it does with its base after its entry only its own text can prove.
 */
import { GIB, MIB } from '../harness/bits/align.ts';
import { checkForcedBase } from '../harness/multiboot2/forced-base.ts';
import { checkHeader } from '../harness/multiboot2/header-rules.ts';
import type { HeaderFinding } from '../harness/multiboot2/checked-image.ts';
import { relocatableTag } from '../harness/multiboot2/relocatable-tag.ts';
import type { BaseChoice, Expectation } from '../harness/scenario/contract.ts';
import { makeInstance } from '../harness/scenario/instance-name.ts';
import type { Circumstances, Scenario } from '../harness/scenario/scenario.ts';
import type { BootImage } from '../harness/subject/boot-image.ts';

const name = 'kernel';

/** Its own link base, one that straddles 64 MiB, and one where every address has its sign bit set. */
function forcedBases({ header, loaded }: BootImage): BaseChoice[] {
  return [loaded.linkBase, 62 * MIB, 2 * GIB]
    .filter((base, i, all) => all.indexOf(base) === i && !checkForcedBase({ base, header, loaded }))
    .map((address) => ({ kind: 'at', address }));
}

/** What an image with a relocatable header tag can be asked; any other has one base, which needs no asking. */
function bases(image: BootImage): BaseChoice[] {
  if (!relocatableTag(image.header)) return [{ kind: 'any' }];
  return [{ kind: 'any' }, ...forcedBases(image), { kind: 'highest' }, { kind: 'firmware-owned' }];
}

export function kernelScenario(image: BootImage, given: Circumstances): Scenario {
  const { elf, loaded } = image;
  const findings = checkHeader({ ...image, elf, loaded: elf && loaded }).filter(({ ok }) => !ok);
  return {
    name,
    claim:
      'A Multiboot2 kernel of the user’s is placed, entered and told what the specification says, and goes on from there.',
    sweeps: true,
    given: () => given,
    notices: findings.map(({ rule, severity, text }) => `header, ${severity}: ${rule}: ${text}`),
    expectation: ({ base }, predicted) =>
      refusalByHeader(findings, base) ?? saying(predicted, given.expectedLine),
    instances: () =>
      (['bios', 'efi'] as const).flatMap((firmware) =>
        bases(image).map((base) => makeInstance({ scenario: name, subject: 'kernel', firmware, base })),
      ),
  };
}

/** A loader must not take it: that GRUB says so is what is expected. A window of ours in the tag mends what was wrong there. */
function refusalByHeader(findings: readonly HeaderFinding[], base: BaseChoice): Expectation | undefined {
  const isOwnWindow = base.kind === 'any';
  const refused = findings.find(
    ({ severity, rule }) => severity === 'refused' && (isOwnWindow || !rule.startsWith('window-')),
  );
  if (!refused) return undefined;
  const { rule, text, grubError } = refused;
  const byHeader = grubError === undefined ? {} : { grubError };
  return { kind: 'refused', reason: `${rule}: ${text}`, byHeader };
}

function saying(predicted: Expectation, line: RegExp | undefined): Expectation {
  return predicted.kind === 'boots' && line ? { ...predicted, says: String(line) } : predicted;
}
