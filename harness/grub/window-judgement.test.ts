import t from 'tap';
import { capturedChoices, capturedMap, type CapturedMapName } from './testdata/captured.ts';
import type { SeenPlacement } from './window-deviations.ts';
import { judgePlacement } from './window-judgement.ts';
import type { WindowRequest } from './window-rules.ts';

const GRUB = 'GRUB 2.06-loadbase.e9ee100b';
const NO_PLACE = "couldn't find suitable memory target";

const placed = (base: number): SeenPlacement => ({ kind: 'placed', base });
const refused = (...errors: string[]): SeenPlacement => ({ kind: 'refused', errors });

const judge = (
  name: CapturedMapName,
  change: Partial<WindowRequest>,
  seen: SeenPlacement,
  loader: string | undefined = GRUB,
) => {
  const request: WindowRequest = {
    ...{ minAddr: 0x2000000, maxAddr: 0x4000000, align: 0x1000, preference: 'none', sizeBytes: 0x3000 },
    ...{ firmware: name.startsWith('efi') ? 'efi' : 'bios', keepsBootServices: true },
    ...change,
  };
  return judgePlacement(capturedMap(name), request, seen, loader);
};

t.test('what a real GRUB chose agrees, or is the deviation that is known of it', async (t) => {
  const choices = capturedChoices();
  t.ok(choices.length > 300, `${choices.length} choices`);
  const wrong = choices.flatMap(({ map, name, request, seen, judged }) => {
    const { kind, deviation, text } = judgePlacement(capturedMap(map), request, seen, GRUB);
    return (deviation ?? kind) === judged
      ? []
      : [`${map} ${name}: ${judged}, now ${deviation ?? kind}: ${text}`];
  });
  t.strictSame(wrong, []);
});

t.test('a deviation is known of one loader only, and of nothing that differs from it', async (t) => {
  for (const { map, name, request, seen, judged } of capturedChoices().filter(
    ({ judged }) => judged !== 'agrees',
  )) {
    const of = capturedMap(map);
    t.equal(judgePlacement(of, request, seen).kind, 'disagrees', `${name}: an unnamed loader`);
    t.notOk(judgePlacement(of, request, seen, 'GRUB 2.14').ok, `${name}: another loader`);
    if (seen.kind !== 'placed' || judged === 'alignment-as-bit-mask') continue;
    const beside = placed(seen.base + Math.max(1, request.align));
    const known = judgePlacement(of, request, beside, GRUB);
    t.not(known.text, judgePlacement(of, request, seen, GRUB).text, name);
  }
});

t.test('every choice of a real GRUB, off by something, is flagged', async (t) => {
  for (const { map, name, request, seen } of capturedChoices()) {
    if (seen.kind !== 'placed' || request.align < 0x1000) continue;
    const of = capturedMap(map);
    t.notOk(judgePlacement(of, request, placed(seen.base + 1), GRUB).ok, `${map} ${name} misaligned`);
    t.notOk(judgePlacement(of, request, placed(0xb0000000), GRUB).ok, `${map} ${name} in a device's memory`);
  }
});

t.test('a base that breaks a rule, in words', async (t) => {
  const maps = ['bios-2560', 'efi-2560'] as const;
  for (const name of maps) {
    t.match(judge(name, {}, placed(0x2000800)), {
      ok: false,
      text: /0x02000800 is no multiple of the alignment 0x1000/,
    });
    t.match(judge(name, {}, placed(0x1fff000)), {
      ok: false,
      text: /below the window's lowest address 0x02000000/,
    });
    t.match(judge(name, {}, placed(0x3ffe000)), {
      ok: false,
      text: /ends at 0x04001000, above .* 0x04000000/,
    });
    t.match(judge(name, {}, placed(0x3ffd000)), { kind: 'agrees' });
    t.match(judge(name, {}, refused(NO_PLACE)), {
      ok: false,
      text: /refused .* without reason: .* the rules allow 0x02000000 to 0x03ffd000 in free memory/,
    });
  }
  t.match(judge('efi-2560', { minAddr: 0x100000 }, placed(0x805000)), {
    ok: false,
    text: /keeps \(ACPI-nvs\)/,
  });
  t.match(judge('bios-512', { maxAddr: 0xffffffff }, placed(0x20000000)), {
    ok: false,
    text: /has no memory/,
  });
});

t.test('a base that is not the preferred one, in words', async (t) => {
  for (const name of ['bios-2560', 'efi-2560'] as const) {
    const low = judge(name, { preference: 'low' }, placed(0x2001000));
    t.match(low, {
      ok: false,
      text: /is allowed, but the image asks for the lowest one: expected is 0x02000000/,
    });
    t.match(judge(name, { preference: 'low' }, placed(0x3ffd000)), { ok: false }, 'low and high swapped');
    t.match(judge(name, { preference: 'high' }, placed(0x2000000)), { ok: false }, 'high ignored');
    t.match(judge(name, { preference: 'high' }, placed(0x3ffc000)), {
      ok: false,
      text: /expected is 0x03ffd000/,
    });
    t.match(judge(name, { preference: 'high' }, placed(0x3ffd000)), { kind: 'agrees' }, 'the bug mended');
    t.match(judge(name, { preference: 'high' }, placed(0x3ffa000)), {
      ...{ kind: 'known-deviation', deviation: 'highest-one-image-short' },
      text: /known of this loader, highest-one-image-short: .* it then takes 0x03ffa000/,
    });
  }
  const anywhere = { minAddr: 0, maxAddr: 0xffffffff, preference: 'high' } as const;
  t.match(judge('bios-2560', anywhere, placed(0x9ff37000)), { kind: 'agrees' }, 'below the heap');
  t.match(judge('bios-2560', anywhere, placed(0x9fc00000)), { ok: false }, 'below more than the heap may be');
  t.match(judge('bios-2560', { ...anywhere, preference: 'low' }, placed(0x101000)), { ok: false });
});

t.test('a refusal that is due', async (t) => {
  const short = { maxAddr: 0x2002fff };
  t.match(judge('efi-512', short, placed(0x2000000)), {
    ok: false,
    text: /must refuse: 0x3000 bytes from .* \(an image/,
  });
  t.match(judge('efi-512', short, refused(NO_PLACE)), {
    ok: false,
    text: /rightly, but not with .*invalid min/,
  });
  t.match(judge('efi-512', short, refused('invalid min/max address and/or load size')), { kind: 'agrees' });
  const owned = { minAddr: 0x900000, maxAddr: 0x1500000 };
  t.match(judge('efi-512', owned, placed(0x900000)), {
    ok: false,
    text: /must refuse: nowhere .* \(BS-data\)/,
  });
  t.match(judge('efi-512', owned, refused(NO_PLACE)), {
    kind: 'agrees',
    text: /lie in memory that the image may have/,
  });
});

t.test('the known deviations, one by one', async (t) => {
  const top = { minAddr: 0xc0000001, maxAddr: 0xffffffff, align: 2 ** 30, preference: 'low' } as const;
  t.match(judge('bios-2560', top, placed(2 ** 30)), {
    deviation: 'lowest-address-lost',
    text: /below the window's/,
  });
  t.match(judge('bios-2560', top, placed(2 ** 31)), { ok: false });
  const low = { ...top, sizeBytes: 0x3a7000 };
  t.match(judge('bios-512', low, placed(0)), {
    ...{
      deviation: 'moved-to-address-0',
      text: /would cover 0x0009fc00–0x0009ffff, which the firmware keeps/,
    },
  });
  t.match(judge('bios-2560', low, placed(0)), { ok: false });
  t.match(judge('efi-2560', top, placed(2 ** 30)), { ok: false }, '64-bit addresses do not wrap');
  const wide = { minAddr: 0x1000, maxAddr: 0x5000, align: 2 ** 24, preference: 'low' } as const;
  t.match(judge('bios-2560', wide, placed(2 ** 24)), {
    deviation: 'highest-address-lost',
    text: /above the window's/,
  });
  t.match(judge('bios-2560', wide, placed(2 ** 25)), { ok: false });
  t.match(judge('bios-2560', wide, refused(NO_PLACE)), { kind: 'agrees' }, 'the bug mended');
  t.match(
    judge('bios-2560', { ...wide, maxAddr: 0x2fff }, placed(2 ** 24)),
    { ok: false },
    'that is refused before',
  );
  const split = { minAddr: 0x300000, maxAddr: 0x700000, sizeBytes: 0x400000 };
  t.match(judge('efi-2560', split, refused(NO_PLACE)), { deviation: 'descriptors-not-joined' });
  t.match(judge('bios-2560', split, refused(NO_PLACE)), { ok: false });
  const odd = { align: 0x3000, preference: 'low' } as const;
  t.match(judge('efi-2560', odd, placed(0x2000000)), { deviation: 'alignment-as-bit-mask' });
  t.match(judge('efi-2560', odd, placed(0x2002000)), { ok: false });
  t.match(judge('efi-2560', odd, placed(0x2001000)), { kind: 'agrees' }, 'a multiple of 0x3000');
});
