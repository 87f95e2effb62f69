import t from 'tap';
import type { MapRegion } from '../layout/layout-map.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { checkPadding, checkTrampolinePlace, padding } from './layout-checks.ts';
import { GoodBoot, LOAD_BASE } from './testdata/good-boot.ts';
import { smallXen } from './testdata/small-xen.ts';

const { subject } = new GoodBoot(smallXen(t.testdir()), await loadDisassembler());
const ram = (start: number, end: number): MapRegion => ({ start, end, use: 'free', label: 'available RAM' });

t.test('padding to 2 MiB in free RAM, and past its end', async (t) => {
  const whole = { regions: [ram(0x100000, LOAD_BASE + 0x200000)] };
  t.match(checkPadding(subject, whole), [{ ok: true }]);
  t.strictSame(padding(subject, { ...whole }), []);
  const short = { regions: [ram(0x100000, LOAD_BASE + 0x1f0000)] };
  const text = `Xen's padding to 2 MiB covers 0x03ff0000–0x03ffffff, which is no free RAM`;
  t.strictSame(checkPadding(subject, short), [{ ok: false, text }]);
  t.strictSame(padding(subject, short), [{ ok: true, text: `note: ${text}` }], 'a remark elsewhere');
});

t.test('the trampoline below the end of base memory, by the firmware’s map', async (t) => {
  const map = { regions: [ram(0, 0x9fc00), ram(0x100000, 0x8000000)] };
  const window = (start: number) => ({ name: 'trampoline and low stack', start, end: start + 0x10000 });
  t.match(checkTrampolinePlace(map, window(0x8f000)), { ok: true, text: /ends below 0x0009fc00/ });
  t.match(checkTrampolinePlace(map, window(0x90000)), {
    ok: false,
    text: /not page aligned below 0x0009fc00/,
  });
  t.match(checkTrampolinePlace(map, window(0x8fc00 - 0x400 + 0x10)), { ok: false });
  t.match(checkTrampolinePlace(map, window(0)), { ok: false });
  t.match(checkTrampolinePlace({ regions: [] }, window(0x90000)), { ok: true, text: /below 0x000a0000/ });
  t.match(checkTrampolinePlace(map, undefined), { ok: false, text: 'no trampoline is known' });
});
