import t from 'tap';
import { MIB } from '../bits/align.ts';
import { capturedMap, type CapturedMapName } from './testdata/captured.ts';
import { directBounds, expectedPlacement, HEAP_LIMIT_BYTES, loaderMemory } from './window-prediction.ts';
import type { WindowRequest } from './window-rules.ts';

const at = (name: CapturedMapName, change: Partial<WindowRequest>) => {
  const request: WindowRequest = {
    ...{ minAddr: 0x2000000, maxAddr: 0x4000000, align: 0x1000, preference: 'low', sizeBytes: 0x3000 },
    ...{ firmware: name.startsWith('efi') ? 'efi' : 'bios', keepsBootServices: true },
    ...change,
  };
  return expectedPlacement(capturedMap(name), request);
};

t.test('in free memory throughout a preference has one answer', async (t) => {
  for (const name of ['bios-512', 'bios-2560', 'efi-512', 'efi-2560'] as const) {
    t.match(at(name, {}), { kind: 'placed', base: 0x2000000, why: /lowest/ });
    t.match(at(name, { preference: 'high' }), { kind: 'placed', base: 0x3ffd000, why: /highest/ });
    t.notOk('base' in at(name, { preference: 'none' }));
    t.match(at(name, { preference: 'none', maxAddr: 0x2003000 }), { base: 0x2000000, why: /only/ });
  }
});

t.test('below 1 MiB: the lowest where there is nothing else, else it may be GRUB’s', async (t) => {
  t.match(at('bios-2560', { minAddr: 0x1000, maxAddr: MIB }), { base: 0x1000 });
  t.match(at('bios-2560', { minAddr: 0x1000 }), {
    conforming: [{ lowest: 0x1000 }, { lowest: MIB, highest: MIB }],
    why: /0x00000000–0x000fffff may be kept by the PC's low memory/,
  });
  t.match(at('efi-2560', { minAddr: 0x1000 }), { base: 0x1000 });
});

t.test('the top of memory: as far down as GRUB’s heap may reach, and no further', async (t) => {
  t.match(at('bios-2560', { maxAddr: 0xffffffff, preference: 'high' }), {
    conforming: [{ lowest: 0x9ffd9000 - HEAP_LIMIT_BYTES, highest: 0x9ffd9000 }],
  });
  t.match(at('efi-2560', { maxAddr: 0xffffffff, preference: 'high' }), { base: 0x9fe7e000 });
});

t.test('boot services that end are the image’s, but not while GRUB loads it', async (t) => {
  const window = { minAddr: 0x900000, maxAddr: 0x2000000 };
  t.match(at('efi-512', window), { base: 0x1500000 });
  t.match(at('efi-512', { ...window, keepsBootServices: false }), {
    conforming: [{ lowest: 0x900000 }, { lowest: 0x1500000, highest: 0x1500000 }],
    why: /UEFI's boot services/,
  });
});

t.test('refusals, with GRUB’s words', async (t) => {
  t.match(at('efi-512', { maxAddr: 0x2002fff }), {
    ...{ kind: 'refused', rule: 'window-too-small' },
    reason: '0x3000 bytes from 0x02000000 end at 0x02003000, above 0x02002fff',
  });
  t.match(at('efi-512', { minAddr: 0xffffffff }), { rule: 'window-too-small' });
  t.match(at('efi-512', { minAddr: 0x900000, maxAddr: 0x1500000 }), { rule: 'no-place' });
  t.match(at('bios-512', { minAddr: 0x1ffdc000 }), { rule: 'window-too-small' });
});

t.test('what GRUB keeps', async (t) => {
  const request = {
    minAddr: 0,
    maxAddr: 0xffffffff,
    align: 1,
    preference: 'high',
    sizeBytes: 0x3000,
  } as const;
  const bios = { ...request, firmware: 'bios' } as const;
  t.strictSame(
    loaderMemory(capturedMap('bios-512'), bios).map(({ start, end, never }) => [start, end, never]),
    [
      [0, MIB, true],
      [0x1ffdc000 - HEAP_LIMIT_BYTES, 0x1ffdc000, false],
    ],
  );
  const high = { ...bios, minAddr: 0x1fff0000 };
  t.equal(directBounds(capturedMap('bios-512'), high), undefined);
  t.match(directBounds(capturedMap('bios-512'), { ...high, minAddr: 0x1ffd0000 }), {
    ...{ lowest: 0x1ffd0000, highest: 0x1ffd9000 },
  });
});
