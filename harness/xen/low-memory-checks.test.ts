import t from 'tap';
import { words } from '../multiboot2/testdata/image-builder.ts';
import { MemoryGuest } from '../guest/testdata/memory-guest.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { checkTrampolineFigure, checkUntouched, trampolinePlace } from './low-memory-checks.ts';
import { GoodBoot, RELOCATED } from './testdata/good-boot.ts';
import { smallXen } from './testdata/small-xen.ts';

const xen = smallXen(t.testdir());
const disassembler = await loadDisassembler();
const LAID = new Uint8Array(0x20).fill(0xa5);

t.test('words that are as they were, and each that is not', async (t) => {
  const guest = new MemoryGuest();
  guest.write(0xfe0, LAID);
  t.strictSame(await checkUntouched(guest, 0xfe0, LAID), [
    { ok: true, text: '0xfe0–0xfff holds what it held' },
  ]);
  guest.writeU32(0xffc, 0x3ffb63e);
  t.strictSame(await checkUntouched(guest, 0xfe0, LAID), [
    { ok: false, text: '0xffc is 0x3ffb63e, not 0xa5a5a5a5' },
  ]);
  guest.write(0xfe0, Uint8Array.of(0));
  t.match(await checkUntouched(guest, 0xfe0, LAID), [
    { ok: false, text: '0xfe0 is 0xa5a5a500, not 0xa5a5a5a5; 0xffc is 0x3ffb63e, not 0xa5a5a5a5' },
  ]);
});

/** Seen of Xen 4.17.5, with SeaBIOS's own figures changed. */
t.test('the place that follows from the figures', async (t) => {
  for (const [ebda, baseKib, lowerKib, place] of [
    [0x9fc0, 639, 639, 0x8f000],
    [0, 639, 639, 0x8f000],
    [0xffff, 639, 639, 0x8f000],
    [0x2000, 639, 639, 0x8f000],
    [0x3fff, 639, 639, 0x8f000],
    [0x4000, 639, 639, 0x30000],
    [0x8000, 639, 639, 0x70000],
    [0, 512, 639, 0x70000],
    [0, 256, 639, 0x30000],
    [0x9fc0, 639, undefined, 0x8f000],
    [0x9fc0, 639, 255, 0x8f000],
    [0x9fc0, 639, 512, 0x70000],
  ] as const)
    t.equal(trampolinePlace({ ebda, baseKib, lowerKib }), place, `${ebda} ${baseKib} ${lowerKib}`);
});

t.test('the figure that Xen chose, against those that it found', async (t) => {
  const boot = new GoodBoot(xen, disassembler, { trampoline: 0x8f000 });
  const guest = boot.stopAt('boot information relocated');
  guest.write(0x40e, Uint8Array.of(0xc0, 0x9f));
  guest.write(0x413, Uint8Array.of(0x7f, 0x02));
  guest.write(RELOCATED, words(guest.readU32(RELOCATED) | 1, 639));
  const check = () => checkTrampolineFigure(guest, { ...boot.subject, symbols: xen.symbols });
  t.match(await check(), [{ ok: true, text: /EBDA 0x9fc0, base memory 639 KiB, lower memory 639 KiB/ }]);
  guest.write(0x40e, Uint8Array.of(0, 0x40));
  t.match(await check(), [{ ok: false, text: /EBDA 0x4000, .* is 0x8f000, not 0x30000/ }]);
});
