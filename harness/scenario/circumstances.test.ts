/** CLAIM: what a scenario makes of a boot is made before anything is looked at, and its witnesses stand beside the subject's. */
import t from 'tap';
import type { GuestView, SharedRam } from '../guest/guest-view.ts';
import type { LoadedSubject } from '../subject/loaded-subject.ts';
import { withCircumstances } from './circumstances.ts';
import type { EndedMachine, InstanceDriver } from './instance-driver.ts';
import { LayoutOracle } from './layout-oracle.ts';
import type { Circumstances } from './scenario.ts';
import { factsOf, guestAtEntry, LOAD_BASE, REPORT } from './testdata/kernel-at-entry.ts';

const GIVEN: Circumstances = { arguments: '' };
const said = (text: string) => async () => [{ ok: true, text }];

/** Says what it does, in order, into `log`. */
function driverOf(log: string[] = [], more: Partial<InstanceDriver> = {}): InstanceDriver {
  return {
    ...{ layout: new LayoutOracle(), notPossible: ['x'], landmarks: [], ends: {}, stops: () => [] },
    own: { name: 'own', observe: () => [] },
    observe: async (stop) => {
      log.push(`looks at ${stop}`);
      return [{ ok: true, text: `saw ${stop}` }];
    },
    ...more,
  };
}

function viewWith(writes?: string[]): GuestView {
  const guest = guestAtEntry();
  const ram: SharedRam = {
    lowSizeBytes: 1 << 24,
    read: async (address, sizeBytes) => guest.read(address, sizeBytes),
    write: async (address, bytes) => void writes?.push(`writes ${bytes.length} at 0x${address.toString(16)}`),
    extents: async () => [],
  };
  return {
    registers: guest.registers,
    readPhysical: (address, sizeBytes) => guest.readPhysical(address, sizeBytes),
    readMachineState: () => guest.readMachineState(),
    ...(writes ? { ram } : {}),
  };
}

const WRITES = [
  { address: 0x40e, bytes: Uint8Array.of(0, 0x20), says: '0x40e (EBDA) = 0x2000' },
  { address: 0x413, bytes: Uint8Array.of(1), says: 'less memory' },
];

t.test('memory is written at the entry, before the subject is looked at, and each is told', async (t) => {
  const log: string[] = [];
  const driver = withCircumstances(driverOf(log), factsOf(), { ...GIVEN, atEntry: WRITES });
  t.strictSame(await driver.observe('entry', viewWith(log), REPORT), [
    { ok: true, text: 'made so: 0x40e (EBDA) = 0x2000' },
    { ok: true, text: 'made so: less memory' },
    { ok: true, text: 'saw entry' },
  ]);
  t.strictSame(log, ['writes 2 at 0x40e', 'writes 1 at 0x413', 'looks at entry']);
});

t.test('at no other stop', async (t) => {
  const log: string[] = [];
  const driver = withCircumstances(driverOf(log), factsOf(), { ...GIVEN, atEntry: WRITES });
  t.strictSame(await driver.observe('long mode', viewWith(log), REPORT), [
    { ok: true, text: 'saw long mode' },
  ]);
  t.strictSame(log, ['looks at long mode']);
});

t.test('where memory cannot be written nothing is proved', async (t) => {
  const driver = withCircumstances(driverOf(), factsOf(), { ...GIVEN, atEntry: WRITES });
  const observations = await driver.observe('entry', viewWith(), REPORT);
  t.match(observations[0], { ok: false, text: /^the circumstances cannot be made: .*\/dev\/shm/ });
  const without = withCircumstances(driverOf(), factsOf(), GIVEN);
  t.strictSame(await without.observe('entry', viewWith(), REPORT), [{ ok: true, text: 'saw entry' }]);
});

t.test('a scenario’s witnesses come after the subject’s own, with the subject where it is', async (t) => {
  const subjects: LoadedSubject[] = [];
  const names = (inspections: readonly { name: string }[] | undefined) =>
    inspections?.map(({ name }) => name);
  const own: Partial<InstanceDriver> = {
    inspections: (stop) => [{ name: `own at ${stop}`, inspect: said('own') }],
    endInspections: (_machine, meaning) => [{ name: `own at ${meaning} end`, inspect: said('own') }],
  };
  const witnesses: Circumstances['witnesses'] = {
    at: (stop, _guest, subject) => {
      subjects.push(subject);
      return [{ name: `more at ${stop}`, inspect: said('more') }];
    },
    atEnd: (_machine, subject) => {
      subjects.push(subject);
      return [{ name: 'more at its end', inspect: said('more') }];
    },
  };
  const machine = {} as EndedMachine;
  const both = withCircumstances(driverOf([], own), factsOf(), { ...GIVEN, witnesses });
  t.strictSame(names(both.inspections?.('entry', viewWith(), REPORT)), ['own at entry', 'more at entry']);
  t.strictSame(names(both.endInspections?.(machine, 'panic', REPORT)), [
    'own at panic end',
    'more at its end',
  ]);
  t.strictSame(
    subjects.map(({ loadBase }) => loadBase),
    [LOAD_BASE, LOAD_BASE],
  );
  const alone = withCircumstances(driverOf([], own), factsOf(), GIVEN);
  t.strictSame(names(alone.inspections?.('entry', viewWith(), REPORT)), ['own at entry']);
  const neither = withCircumstances(driverOf(), factsOf(), GIVEN);
  t.strictSame(neither.inspections?.('entry', viewWith(), REPORT), []);
  t.strictSame(neither.endInspections?.(machine, 'expected', REPORT), []);
});

t.test('everything else is the subject’s', async (t) => {
  const driver = driverOf([], { haltsAt: ['expected'] });
  t.match(withCircumstances(driver, factsOf(), GIVEN), {
    ...{ layout: driver.layout, notPossible: ['x'], own: driver.own, haltsAt: ['expected'] },
  });
});
