import t from 'tap';
import { MIB } from '../bits/align.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import type { SymbolisedSubject } from '../subject/loaded-subject.ts';
import { observe } from './checkpoint-checks.ts';
import { afterBootServices, checkCrashArea, reservedParts, whereXenIs } from './reserved-memory.ts';
import { GoodBoot } from './testdata/good-boot.ts';
import { smallXen } from './testdata/small-xen.ts';

const xen = smallXen(t.testdir());
const disassembler = await loadDisassembler();
const MODULES = [new Uint8Array(5000).fill(1), new Uint8Array(4096).fill(2)];
/** The first with room before it. */
const PLACES = [
  { start: 0x1000000, end: 0x1000000 + 0x4000 + 5000 },
  { start: 0x1100000, end: 0x1101000 },
];
const CRASH = { start: 0x2000000, end: 0x2400000 };

function reserved() {
  const boot = new GoodBoot(xen, disassembler, { modules: MODULES });
  boot.layReserved(PLACES, CRASH);
  const guest = boot.stopAt('memory reserved');
  const subject: SymbolisedSubject = { ...boot.subject, symbols: xen.symbols };
  return { boot, guest, subject, stop: () => observe(guest, subject, boot.address('memory reserved')) };
}

t.test('parts and contents of a correct boot', async (t) => {
  const { guest, subject, stop } = reserved();
  t.ok((await stop()).every(({ ok }) => ok));
  const { parts, contents } = await reservedParts(guest, subject);
  t.match(parts, [
    { name: 'Xen', start: subject.loadBase, end: subject.loadBase + subject.image.loaded.loadSize },
    { name: 'module 0', ...PLACES[0] },
    { name: 'module 1', ...PLACES[1] },
    { name: 'crash kernel area', ...CRASH },
  ]);
  t.match(contents, [{ start: 0x1004000 }, { start: 0x1100000 }], 'without the room before it');
  t.match(await checkCrashArea(guest, subject, 4 * MIB), [{ ok: true }]);
});

t.test('Xen that has moved itself is found where it is', async (t) => {
  const { boot, guest, subject } = reserved();
  const by = 4 * MIB;
  guest.set.cr3 += BigInt(by);
  t.match(whereXenIs(guest, subject), { loadBase: subject.loadBase + by });
  guest.writeU64(boot.at('xen_phys_start') + by, BigInt(subject.physicalStart + by));
  guest.writeU32(boot.at('nr_initial_images') + by, 0);
  const { parts } = await reservedParts(guest, subject);
  t.match(parts, [{ name: 'Xen', start: subject.loadBase + by }]);
  t.equal(parts.length, 1, 'no module, no crash kernel');
});

t.test('the stop itself: each break has its text', async (t) => {
  const texts = async (change: (one: ReturnType<typeof reserved>) => void) => {
    const one = reserved();
    change(one);
    return (await one.stop()).filter(({ ok }) => !ok).map(({ text }) => text);
  };
  t.match(await texts(({ guest }) => (guest.set.cr3 += 4096n)), [/puts Xen at no multiple of 2 MiB/]);
  t.match(await texts(({ guest }) => (guest.set.cr3 = 0n)), [/puts Xen at no multiple of 2 MiB/]);
  t.match(await texts(({ boot, guest }) => guest.writeU64(boot.at('xen_phys_start'), 0n)), [
    'xen_phys_start is 0x0, not 0x3c00000',
  ]);
  t.match(await texts(({ boot, guest }) => guest.writeU32(boot.at('nr_initial_images'), 1)), [
    '1 modules, not 2',
  ]);
});

t.test('a crash area that was given up, and a list that cannot be believed', async (t) => {
  const { boot, guest, subject } = reserved();
  boot.layReserved(PLACES);
  t.match(await checkCrashArea(guest, subject, 64 * MIB), [
    { ok: false, text: 'the crash kernel has 0 MiB, not 64' },
  ]);
  guest.writeU32(boot.at('nr_initial_images'), 0x10000);
  await t.rejects(reservedParts(guest, subject), /Xen says it has 65536 modules/);
});

t.test('memory of boot services is free by then', async (t) => {
  const region = { start: 0, end: 4096, label: 'BS-data' };
  t.match(
    afterBootServices([
      { ...region, use: 'boot-services' },
      { ...region, use: 'reserved' },
    ]),
    [{ use: 'free' }, { use: 'reserved' }],
  );
});
