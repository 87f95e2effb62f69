import t from 'tap';
import { Cpu } from '../x86/execute/cpu.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { writeField } from '../x86/state/state-layout.ts';
import type { EntryName } from './contract.ts';
import type { Knowledge } from './knowledge.ts';
import { territoryAt } from './territory-at.ts';

const STACK = 0x9fea_0000;
const OWN = { start: 0x8_0000, end: 0x9_0000 };
const cpu = new Cpu(new PhysicalMemory('zero'));

function territory(entry: EntryName, highHalf?: Knowledge['highHalf']) {
  const initial = flatState(32);
  writeField(initial, 'rsp', BigInt(STACK));
  const owned: Knowledge['owned'] = (_cpu, loadBase, name, physical, state) =>
    loadBase === 0x80_0000 &&
    name === entry &&
    state === initial &&
    physical >= OWN.start &&
    physical < OWN.end
      ? OWN
      : undefined;
  const place = { linkBase: 0x20_0000, loadBase: 0x80_0000, sizeBytes: 0x1801, entry, initial };
  return territoryAt(place, cpu, { owned, highHalf } as Knowledge);
}

void t.test('the image: linked byte for byte, loaded in whole pages', (t) => {
  const { linkTime, loaded, highHalf } = territory('bios');
  t.same(linkTime, { start: 0x20_0000, end: 0x20_1801 });
  t.same(loaded, { start: 0x80_0000, end: 0x80_2000 });
  t.equal(highHalf, undefined);
  t.same(territory('bios', { start: 5n, end: 6n }).highHalf, { start: 5n, end: 6n });
  t.end();
});

void t.test('what early boot may use by convention, and what the image is known to take', (t) => {
  for (const entry of ['bios', 'efi'] as const) {
    const around = territory(entry);
    const owned = (physical: number) => around.owned(physical);
    t.ok(owned(0xb_8000), 'the screen');
    t.notOk(owned(0xb_8fa0));
    t.same(owned(0x8_1234), OWN);
    t.notOk(owned(0x50_0000));
  }
  t.end();
});

void t.test('the stack that UEFI gives is an application’s own; a 32-bit kernel has none', (t) => {
  const around = territory('efi');
  const owned = (physical: number) => around.owned(physical);
  for (const mine of [STACK - 128 * 1024, STACK - 8, STACK, STACK + 0x27])
    t.ok(owned(mine), mine.toString(16));
  for (const foreign of [STACK - 128 * 1024 - 1, STACK + 0x28]) t.notOk(owned(foreign), foreign.toString(16));
  t.notOk(territory('bios').owned(STACK - 8));
  t.end();
});
