/**
 * CLAIM: Xen puts its trampoline page aligned below the EBDA and below base memory, also where the BIOS's word for the EBDA
 * at 0x40e is low, absent or nonsense.
 *
 * A BROKEN XEN (before 46fce9fd2b and 5e5e2d2a34, 4.2 and 4.3) computes a place from whatever stands there: between pages,
 * in low memory that is used, or above 1 MiB, where no processor starts.
 *
 * WHY THE TEST CAN TELL: the words are written to the BIOS's data when Xen is entered. The place that follows from them by
 * the rule that head.S states is computed here, too, and compared with the one that Xen chose. (Less than 256 KiB of base
 * memory is left out: it resets this Xen, and the fixes never promised otherwise.)
 */
import { hex } from '../../harness/bits/hex.ts';
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { MemoryWrite, Scenario } from '../../harness/scenario/scenario.ts';
import { checkTrampolineFigure } from '../../harness/xen/low-memory-checks.ts';

const name = 'history-ebda';
const STOP = 'boot information relocated';
const WITNESS = `trampoline’s place at ${STOP}`;

const u16 = (address: number, value: number, what: string): MemoryWrite => ({
  ...{ address, bytes: Uint8Array.of(value & 0xff, value >> 8) },
  says: `${hex(address, 1)} (${what}) = ${hex(value, 4)}`,
});
const ebda = (value: number) => u16(0x40e, value, 'EBDA');

/** What each instance finds in the BIOS's data. */
const FOUND: Readonly<Record<string, readonly MemoryWrite[]>> = {
  'ebda-0x0000': [ebda(0)], // absent
  'ebda-0x2000': [ebda(0x2000)], // too low to be believed
  'ebda-0x4000': [ebda(0x4000)], // the lowest that is believed
  'ebda-0xffff': [ebda(0xffff)], // above base memory
  'base-memory-512': [ebda(0), u16(0x413, 512, 'base memory')],
};

const scenario: Scenario = {
  name,
  claim: 'The trampoline lies page aligned below EBDA and base memory, whatever the BIOS says of its EBDA.',
  history: {
    fixes: ['46fce9fd2b', '5e5e2d2a34'],
    witness: WITNESS,
    sabotages: ['low-ebda-believed', 'trampoline-not-page-aligned'],
  },
  given: ({ variant = '' }) => ({
    arguments: 'console=com1 loglvl=all',
    atEntry: FOUND[variant] ?? [],
    witnesses: {
      at: (stop, guest, { symbols, ...subject }) =>
        stop === STOP && symbols
          ? [{ name: WITNESS, inspect: () => checkTrampolineFigure(guest, { ...subject, symbols }) }]
          : [],
    },
  }),
  instances: () =>
    Object.keys(FOUND).map((variant) =>
      makeInstance({
        ...{ scenario: name, subject: 'xen', firmware: 'bios', variant },
        ...{ base: { kind: 'any' }, memoryMib: 512 },
      }),
    ),
};

export default scenario;
