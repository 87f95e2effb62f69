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
import { relocatableTag } from '../harness/multiboot2/relocatable-tag.ts';
import type { BaseChoice } from '../harness/scenario/contract.ts';
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
  return {
    name,
    claim:
      'A Multiboot2 kernel of the user’s is placed, entered and told what the specification says, and goes on from there.',
    given: () => given,
    instances: () =>
      (['bios', 'efi'] as const).flatMap((firmware) =>
        bases(image).map((base) => makeInstance({ scenario: name, subject: 'kernel', firmware, base })),
      ),
  };
}
