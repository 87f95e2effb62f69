import t from 'tap';
import type { MemoryRegion } from './memory-map.ts';
import { highestPlaceable, lowestOwned, predictPlacement } from './placement.ts';

// OVMF's map at 512 MiB, the parts that matter, as GRUB 2.06 printed it; the outcomes below were seen on real boots.
const region = (start: number, end: number, use: MemoryRegion['use'], label: string): MemoryRegion => ({
  start,
  end,
  use,
  label,
});
const map = [
  region(0x0, 0xa0000, 'free', 'conv-mem'),
  region(0x100000, 0x806000, 'free', 'conv-mem'),
  region(0x806000, 0x808000, 'reserved', 'ACPI-nvs'),
  region(0x808000, 0x810000, 'free', 'conv-mem'),
  region(0x810000, 0x900000, 'reserved', 'ACPI-nvs'),
  region(0x900000, 0x1500000, 'boot-services', 'BS-data'),
  region(0x1500000, 0x14667000, 'free', 'conv-mem'),
  region(0x14667000, 0x1bb75000, 'loader', 'ldr-code'),
  region(0x1bb95000, 0x1e125000, 'free', 'conv-mem'),
  region(0xb0000000, 0xc0000000, 'reserved', 'reserved'),
];
const xen = { sizeBytes: 0x3c8000, alignment: 0x200000, firmware: 'efi' as const };
const outcome = (base: number, firmware: 'efi' | 'bios' = 'efi') =>
  predictPlacement(map, { ...xen, firmware, base });

t.test('bases that GRUB took', async (t) => {
  for (const base of [0x200000, 0x3e00000, 0x10000000, 0x17600000])
    t.equal(outcome(base).kind, 'placed', base.toString(16));
});

t.test('memory that the firmware keeps is refused, with the region named', async (t) => {
  t.match(outcome(0x1000000), {
    kind: 'refused',
    cause: 'owned',
    reason: /0x00900000–0x014fffff \(BS-data\)/,
  });
  t.match(outcome(0x600000), { kind: 'refused', cause: 'owned', reason: /ACPI-nvs/ });
});

t.test(
  'free memory that GRUB’s own staging buffer splits is refused under UEFI, not under BIOS',
  async (t) => {
    t.match(outcome(0x400000), {
      kind: 'refused',
      cause: 'staging',
      reason: /staging buffer 0x00200000–0x005c7fff/,
    });
    t.equal(outcome(0x400000, 'bios').kind, 'placed');
  },
);

t.test('neighbours of different type are not joined', async (t) => {
  t.match(outcome(0x14400000), { kind: 'refused', cause: 'staging' });
});

t.test('no memory there', async (t) => {
  t.match(outcome(0x1e000000), { kind: 'refused', cause: 'no-memory' });
  t.match(outcome(0x60000000), { kind: 'refused', cause: 'no-memory' });
});

t.test('the ends of the range of bases', async (t) => {
  const slots = { ...xen, minAddr: 0x200000, maxAddr: 0xffffffff };
  t.equal(highestPlaceable(map, slots), 0x1dc00000);
  t.equal(lowestOwned(map, slots), 0x600000);
  t.equal(highestPlaceable(map, { ...slots, minAddr: 0xd0000000 }), undefined);
  t.equal(
    lowestOwned(
      map.filter(({ use }) => use === 'free'),
      slots,
    ),
    undefined,
  );
});
