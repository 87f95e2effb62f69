/**
 * CLAIM: where boot services are kept (tag 18), GRUB passes no memory map (tags 6 and 17): it would be stale by the
 * time it is read (GRUB f2b6c20a2, 2.02).
 *
 * A BROKEN GRUB passes both, and an image that believes the map takes memory that the firmware has allocated since.
 *
 * WHY THE TEST CAN TELL: the boot information is read where EBX points, tag by tag, at the first instruction. The same
 * image without header tag 7 must get the maps.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-stale-maps';

const scenario: Scenario = {
  name,
  claim: 'Where boot services are kept GRUB passes no memory map; where they have ended, it does.',
  given: () => ({ arguments: 'which maps are there' }),
  instances: () =>
    (['probe', 'probe-no-boot-services'] as const).map((subject) =>
      makeInstance({ scenario: name, subject, firmware: 'efi', base: { kind: 'any' } }),
    ),
  history: { fixes: ['f2b6c20a2'], witness: 'entry', sabotages: ['stale-memory-map'] },
};

export default scenario;
