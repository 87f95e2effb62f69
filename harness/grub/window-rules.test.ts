import t from 'tap';
import type { MemoryRegion } from './memory-map.ts';
import {
  allowedBases,
  preferredBase,
  rulesBroken,
  usableMemory,
  type WindowRequest,
  without,
} from './window-rules.ts';

const region = (start: number, end: number, use: MemoryRegion['use'], label: string): MemoryRegion => ({
  ...{ start, end, use, label },
});
const map = [
  region(0x10000, 0x20000, 'free', 'conv-mem'),
  region(0x20000, 0x24000, 'loader', 'ldr-data'),
  region(0x24000, 0x28000, 'boot-services', 'BS-data'),
  region(0x28000, 0x30000, 'reserved', 'ACPI-nvs'),
  region(0x40000, 0x50000, 'free', 'conv-mem'),
];
const request: WindowRequest = {
  ...{ minAddr: 0, maxAddr: 0xffffffff, align: 0x1000, preference: 'none' },
  ...{ sizeBytes: 0x3000, firmware: 'efi', keepsBootServices: true },
};
const bases = (change: Partial<WindowRequest> = {}, of = map) =>
  allowedBases(of, { ...request, ...change }).map(({ first, last }) => [first, last]);

t.test(
  'usable memory: neighbours joined, boot services only where they end, reserved wins an overlap',
  async (t) => {
    t.strictSame(usableMemory(map, request), [
      { start: 0x10000, end: 0x24000 },
      { start: 0x40000, end: 0x50000 },
    ]);
    t.match(usableMemory(map, {}), [{ start: 0x10000, end: 0x28000 }, {}]);
    t.strictSame(usableMemory([...map, region(0x18000, 0x19000, 'reserved', 'hole')], request)[0], {
      start: 0x10000,
      end: 0x18000,
    });
  },
);

t.test('allowed bases: each stretch from its first to its last', async (t) => {
  t.strictSame(bases(), [
    [0x10000, 0x21000],
    [0x40000, 0x4d000],
  ]);
  t.strictSame(bases({ minAddr: 0x12345, maxAddr: 0x23fff }), [[0x13000, 0x20000]]);
  t.strictSame(bases({ minAddr: 0x20000, maxAddr: 0x23000 }), [[0x20000, 0x20000]]);
  t.strictSame(bases({ minAddr: 0x20000, maxAddr: 0x22fff }), []);
  t.strictSame(bases({ align: 0x20000 }), [
    [0x20000, 0x20000],
    [0x40000, 0x40000],
  ]);
  t.strictSame(bases({ align: 0 }), bases({ align: 1 }));
  t.strictSame(bases({ maxAddr: 0x2fff }), [], 'max < size');
  t.strictSame(
    bases({}, [region(0xffff0000, 2 ** 33, 'free', 'x')]),
    [[0xffff0000, 0xffffc000]],
    'below 4 GiB',
  );
});

t.test('the preferred base', async (t) => {
  const allowed = allowedBases(map, request);
  t.equal(preferredBase(allowed, { ...request, preference: 'low' }), 0x10000);
  t.equal(preferredBase(allowed, { ...request, preference: 'high' }), 0x4d000);
  t.equal(preferredBase(allowed, request), undefined);
  t.equal(preferredBase([{ first: 1, last: 1, memory: { start: 1, end: 2 } }], request), 1);
  t.equal(preferredBase([], { ...request, preference: 'low' }), undefined);
});

t.test('each rule that a base breaks is named, with its numbers', async (t) => {
  const broken = (base: number, change: Partial<WindowRequest> = {}) =>
    rulesBroken(map, { ...request, ...change }, base);
  t.strictSame(broken(0x11000), []);
  t.match(broken(0x11800), [
    { rule: 'alignment', text: '0x00011800 is no multiple of the alignment 0x1000' },
  ]);
  t.match(broken(0x11000, { minAddr: 0x11001 }), [{ rule: 'minimum', text: /lowest address 0x00011001/ }]);
  t.match(broken(0x11000, { maxAddr: 0x13fff }), [
    { rule: 'maximum', text: /ends at 0x00014000, above .* 0x00013fff/ },
  ]);
  t.match(broken(0x23000), [
    { rule: 'memory', text: /cover 0x00024000–0x00027fff, which .* keeps \(BS-data\)/ },
  ]);
  t.strictSame(broken(0x23000, { keepsBootServices: false }), []);
  t.match(broken(0x3e000), [
    { rule: 'memory', text: /cover 0x0003e000–0x0003ffff, where the map has no memory/ },
  ]);
});

t.test('ranges without ranges', async (t) => {
  t.strictSame(
    without(
      [{ start: 0, end: 10 }],
      [
        { start: 3, end: 5 },
        { start: 9, end: 12 },
      ],
    ),
    [
      { start: 0, end: 3 },
      { start: 5, end: 9 },
    ],
  );
  t.strictSame(without([{ start: 3, end: 4 }], [{ start: 0, end: 10 }]), []);
});
