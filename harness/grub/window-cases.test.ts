import t from 'tap';
import { capturedMap } from './testdata/captured.ts';
import { resolveWindow, windowCases } from './window-cases.ts';
import { expectedPlacement } from './window-prediction.ts';

for (const firmware of ['bios', 'efi'] as const) {
  t.test(`${firmware}: at least 45 cases, their names distinct and fit for a file`, async (t) => {
    const cases = windowCases(firmware);
    t.ok(cases.length >= 45 && cases.length <= 64, `${cases.length} cases`);
    t.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
    for (const { name, reason } of cases) {
      t.match(name, /^[a-z0-9-]+-(none|low|high)$/);
      t.not(reason, '', name);
    }
  });

  t.test(
    `${firmware}: every case has a window on the captured maps, and many kinds of outcome are met`,
    async (t) => {
      for (const mib of [512, 2560] as const)
        for (const sizeBytes of [0x3000, 0x3a7000]) {
          const map = capturedMap(`${firmware}-${mib}`);
          const rules = windowCases(firmware).map((which) => {
            const window = resolveWindow(which, { map, sizeBytes });
            if (typeof window === 'string') throw new Error(`${which.name}: ${window}`);
            const expected = expectedPlacement(map, { ...window, sizeBytes, firmware });
            if (expected.kind === 'refused') return expected.rule;
            return expected.base === undefined ? 'several' : 'one';
          });
          for (const kind of ['window-too-small', 'no-place', 'several', 'one'] as const)
            t.ok(rules.filter((rule) => rule === kind).length >= 3, `${mib} MiB, ${sizeBytes}: ${kind}`);
        }
    },
  );
}

t.test('windows by the map', async (t) => {
  const window = (name: string, firmware: 'bios' | 'efi', sizeBytes = 0x3000) => {
    const which = windowCases(firmware).find((one) => one.window === name);
    if (!which) throw new Error(name);
    return resolveWindow(which, { map: capturedMap(`${firmware}-2560`), sizeBytes, keepsBootServices: true });
  };
  t.match(window('straddles-firmware', 'efi'), { minAddr: 0x800000, maxAddr: 0x80e000 });
  t.match(window('straddles-firmware', 'bios'), { minAddr: 0x9ffd6000, maxAddr: 0xa0006000 });
  t.match(window('ends-at-firmware', 'efi'), { minAddr: 0x803000, maxAddr: 0x806000 });
  t.match(window('into-firmware', 'efi'), { minAddr: 0x804000, maxAddr: 0x807000 });
  t.match(window('firmware-owned', 'efi'), { minAddr: 0x810000, maxAddr: 0x1500000 });
  t.match(window('firmware-owned', 'bios'), { minAddr: 0x9ffdc000, maxAddr: 0xa0000000 });
  t.match(window('across-descriptors', 'efi'), { minAddr: 0x74672000, maxAddr: 0x74675000 });
  t.match(window('after-firmware', 'bios'), { minAddr: 0x100000, maxAddr: 0x103000 });
  t.equal(
    window('ends-at-firmware', 'bios', 2 ** 31),
    'this memory map has no window “ends-at-firmware” for 0x80000000 bytes',
  );
});
