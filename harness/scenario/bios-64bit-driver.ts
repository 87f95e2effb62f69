/** The specimen that a loader started by a BIOS must enter in 64-bit mode: its entry, and the line that it says there. */
import { equal, holds, type Observation } from '../guest/guest-view.ts';
import { BIOS_64BIT_ENTRY_LINE } from '../specimen/bios-64bit-entry.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';
import type { InstanceDriver } from './instance-driver.ts';
import { LayoutOracle } from './layout-oracle.ts';

const EFER_LMA = 1n << 10n;

export function bios64BitDriver({ image }: SubjectFacts): InstanceDriver {
  const { entry } = image.loaded;
  return {
    layout: new LayoutOracle(),
    notPossible: [],
    landmarks: [{ name: 'entry reached', phase: 'subject', pattern: BIOS_64BIT_ENTRY_LINE }],
    ends: { 'entry reached': 'expected' },
    stops: () => [{ name: 'entry', address: BigInt(entry) }],
    observe: async (_stop, { registers }): Promise<Observation[]> => [
      equal('RIP', registers.rip, entry),
      holds(
        (registers.efer & EFER_LMA) !== 0n,
        'the CPU is in long mode',
        'the CPU is not in long mode at a 64-bit entry',
      ),
    ],
    own: {
      name: 'console',
      observe: (lines) => {
        const said = lines.filter((line) => BIOS_64BIT_ENTRY_LINE.test(line)).length;
        return [holds(said === 1, 'its line, once', `its line ${said} times`)];
      },
    },
  };
}
