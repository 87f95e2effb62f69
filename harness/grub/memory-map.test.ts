import t from 'tap';
import { MemoryMapError, parseMemoryMap } from './memory-map.ts';

t.test('lsefimmap: inclusive ends become exclusive, unknown types are reserved', async (t) => {
  const map = parseMemoryMap(
    [
      'Type      Physical start  - end             #Pages        Size Attributes',
      'ACPI-nvs  0000000000806000-0000000000807fff 00000002      8KiB UC WC WT WB',
      'conv-mem  0000000000100000-0000000000805fff 00000706   7192KiB UC WC WT WB',
      'BS-data   0000000000900000-00000000014fffff 00000c00     12MiB UC WC WT WB',
      'ldr-code  0000000014667000-000000001bb74fff 0000750e 119864KiB UC WC WT WB',
      'Unk 80000000 0000000030000000-0000000030000fff 00000001      4KiB UC',
      'MMIO      00000000ffc00000-00000000ffffffff 00000400      4MiB RT UC',
    ],
    'efi',
  );
  t.strictSame(
    map.map(({ start, end, use }) => [start, end, use]),
    [
      [0x100000, 0x806000, 'free'],
      [0x806000, 0x808000, 'reserved'],
      [0x900000, 0x1500000, 'boot-services'],
      [0x14667000, 0x1bb75000, 'loader'],
      [0xffc00000, 0x100000000, 'reserved'],
    ],
  );
});

t.test('lsmmap: sorted, empty ranges dropped, ranges beyond 2^53 cut', async (t) => {
  const map = parseMemoryMap(
    [
      'base_addr = 0x100000, length = 0x9fedc000, available RAM',
      'base_addr = 0x0, length = 0x9fc00, available RAM',
      'base_addr = 0x5000, length = 0x0, reserved RAM',
      'base_addr = 0xffffffffffffff00, length = 0x10, reserved RAM',
    ],
    'bios',
  );
  t.strictSame(
    map.slice(0, 2).map(({ start, end, use, label }) => [start, end, use, label]),
    [
      [0, 0x9fc00, 'free', 'available RAM'],
      [0x100000, 0x9ffdc000, 'free', 'available RAM'],
    ],
  );
  t.ok(map.every(({ start, end }) => end > start && Number.isFinite(end)));
});

t.test('a console without a map, or with an endless one, is not believed', async (t) => {
  t.throws(() => parseMemoryMap(['error: no such command'], 'efi'), MemoryMapError);
  t.throws(() => parseMemoryMap([], 'bios'), MemoryMapError);
  const many = Array.from(
    { length: 5000 },
    (_, i) => `base_addr = 0x${i.toString(16)}000, length = 0x1000, available RAM`,
  );
  t.throws(() => parseMemoryMap(many, 'bios'), /5000 memory regions/);
});
