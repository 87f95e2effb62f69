/**
 * CLAIM: at the edges of its arithmetic GRUB still obeys a window: max < size, min > max − size, min = max − size, one
 * byte less, max 0xffffffff, and the last page below 4 GiB (GRUB eba6db632, 61ff5602f; 2.02, 2.06).
 *
 * A BROKEN GRUB subtracts without looking: the window wraps, and the image goes anywhere.
 *
 * WHY THE TEST CAN TELL: for each window the specification and the memory map leave one answer, a base or a refusal, and
 * the refusal has GRUB's own words. Scenario grub-relocatable asks the rest.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-window-arithmetic';

/** Of harness/grub/window-cases.ts. */
const CASES = [
  'exact-0x1000-none',
  'one-byte-short-0x1000-none',
  'one-byte-more-0x1000-high',
  'inverted-0x1000-none',
  'smaller-than-image-0x1000-none',
  'top-of-4gib-0x1-none',
];

const scenario: Scenario = {
  name,
  claim: 'At the edges of its arithmetic GRUB obeys the window of the relocatable header tag, or refuses.',
  given: () => ({ arguments: 'at the edge' }),
  instances: () =>
    CASES.map((window) =>
      makeInstance({
        ...{ scenario: name, subject: 'probe', firmware: 'bios' },
        base: { kind: 'window', name: window },
      }),
    ),
  history: {
    fixes: ['eba6db632', '61ff5602f'],
    witness: 'placement',
    sabotages: ['window-check-gone', 'size-a-page-more'],
  },
};

export default scenario;
