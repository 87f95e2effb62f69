/**
 * CLAIM: Xen knows its base from where its code runs, and from nothing else: a loader that says a wrong base in tag 21, or
 * none at all, changes nothing.
 *
 * A BROKEN XEN (before 1695e53851, 4.10) takes its base from a constant or from what it is told, relocates itself by
 * another number than it was moved by, and is gone without a word.
 *
 * WHY THE TEST CAN TELL: the GRUB of this scenario lies, which the entry must show, exactly so; the base register and the
 * console must give the base where the image was found all the same.
 */
import { MIB } from '../../harness/bits/align.ts';
import type { Firmware, GrubVariant, Instance } from '../../harness/scenario/contract.ts';
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-base-from-code';

function instance(firmware: Firmware, grubVariant: GrubVariant): Instance {
  return makeInstance({
    ...{ scenario: name, subject: 'xen', firmware, grubVariant },
    base: { kind: 'at', address: 62 * MIB },
  });
}

const scenario: Scenario = {
  name,
  claim: 'Xen computes its base from where its code runs, whatever tag 21 says, or does not say.',
  history: {
    fixes: ['1695e53851'],
    witness: 'base computed',
    sabotages: ['base-off', 'efi-base-off', 'base-constant'],
  },
  given: () => ({ arguments: 'console=com1 loglvl=all' }),
  instances: () => [
    instance('bios', 'tag-21-lies'),
    instance('bios', 'tag-21-absent'),
    instance('efi', 'tag-21-lies'),
  ],
};

export default scenario;
