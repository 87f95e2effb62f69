/**
 * CLAIM: Xen finds its base without leaving a trace in memory that is not its own: what stood at 0xffc stands there still.
 *
 * A BROKEN XEN (before e58a2858d5, 4.20) takes 0x1000 for a stack in order to call and pop, and leaves its return address
 * at 0xffc, whoever owns that word. Debian's 4.17 does: told as a known defect, and nothing but that word may differ.
 *
 * WHY THE TEST CAN TELL: the end of the first page gets a pattern when Xen is entered, and is read again when Xen has left
 * that stack and could have put back what it took.
 */
import { MIB } from '../../harness/bits/align.ts';
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';
import { checkUntouched } from '../../harness/xen/low-memory-checks.ts';

const name = 'history-low-word';
const LAID_AT = 0xfe0;
const LAID = new Uint8Array(0x20).fill(0xa5);
const STOP = 'boot information relocated';
const WITNESS = `first page at ${STOP}`;

const scenario: Scenario = {
  name,
  claim: 'The word at 0xffc, which Xen borrows for a stack to find its base, is as it was afterwards.',
  history: {
    fixes: ['e58a2858d5'],
    witness: WITNESS,
    sabotages: ['first-stack-lower', 'claims-4.20'],
  },
  given: () => ({
    arguments: 'console=com1 loglvl=all',
    atEntry: [{ address: LAID_AT, bytes: LAID, says: '0xa5 at 0xfe0–0xfff' }],
    witnesses: {
      at: (stop, guest) =>
        stop === STOP ? [{ name: WITNESS, inspect: () => checkUntouched(guest, LAID_AT, LAID) }] : [],
    },
    knownDefect: {
      of: 'Xen',
      fix: 'e58a2858d5',
      mendedIn: '4.20',
      witness: WITNESS,
      text: /^0xffc is 0x[0-9a-f]+, not 0xa5a5a5a5$/,
    },
  }),
  instances: () => [
    makeInstance({
      ...{ scenario: name, subject: 'xen', firmware: 'bios' },
      base: { kind: 'at', address: 62 * MIB },
    }),
    makeInstance({
      ...{ scenario: name, subject: 'xen', firmware: 'bios' },
      ...{ base: { kind: 'none' }, protocol: 'multiboot1' },
    }),
  ],
};

export default scenario;
