/** CLAIM: the probe's record is believed where it is whole, and where the harness itself saw the same at the entry. */
import crc32 from 'crc-32';
import t, { type Test } from 'tap';
import { encodeHex } from '../bits/hex.ts';
import type { GuestView, Observation, SharedRam } from '../guest/guest-view.ts';
import type { MemoryGuest } from '../guest/testdata/memory-guest.ts';
import { recorded, sealed } from '../probe/testdata/recorded.ts';
import type { EndedMachine, InstanceDriver } from './instance-driver.ts';
import { probeDriver } from './probe-driver.ts';
import {
  factsOf,
  guestAtEntry,
  INFORMATION,
  kernelImage,
  LOAD_BASE,
  REPORT,
} from './testdata/kernel-at-entry.ts';

const MIB = 1024 * 1024;

const GENERAL = { rax: 0x36d7_6289n, rbx: BigInt(INFORMATION), rsp: 0x7_ff00n };

/** The guest with every general register, as QEMU shows them. */
function viewOf(guest: MemoryGuest, ram?: SharedRam): GuestView {
  Object.assign(guest.set, GENERAL);
  const others = { rcx: 0n, rdx: 0n, rdi: 0n, rbp: 0n };
  return {
    registers: guest.registers,
    readPhysical: (address, sizeBytes) => guest.readPhysical(address, sizeBytes),
    readMachineState: async () => {
      const state = await guest.readMachineState();
      return { ...state, general: { ...state.general, ...others } };
    },
    ...(ram ? { ram } : {}),
  };
}

const digits = (value: number, count = 8) => value.toString(16).padStart(count, '0');

/** What an honest probe says of that guest: the record of a real boot, with its own numbers. */
function record(guest: MemoryGuest): string[] {
  const [segment] = kernelImage().loaded.segments;
  if (!segment) throw new Error('no segment');
  const size = guest.readU32(INFORMATION);
  const shown = guest.read(INFORMATION, size);
  const sum = crc32.buf(guest.read(LOAD_BASE, segment.filesz)) >>> 0;
  const own: Readonly<Record<string, string>> = {
    image: `run=${digits(LOAD_BASE)} link=00200000`,
    'general ax': `=36d76289 bx=${digits(INFORMATION)} cx=00000000`,
    'general bp': '=00000000 sp=0007ff00 flags=00000002',
    selectors: 'cs=0008 ds=0008 es=0008 fs=0008 gs=0008 ss=0008',
    gdt: 'base=00001000 limit=0020',
    idt: 'base=00008000 limit=0fff',
    'segment 0': `run=${digits(LOAD_BASE)} link=00200000 size=${digits(segment.filesz)} crc32=${digits(sum)}`,
    'bss 0': `size=${digits(segment.memsz - segment.filesz)} nonzero=00000000`,
    information: `address=${digits(INFORMATION)} size=${digits(size)} shown=${digits(size)}`,
  };
  const head = recorded('bios')
    .filter((line) => line.startsWith('probe ') && !/^probe (i |1 end)/.test(line))
    .map((line) => {
      const name = Object.keys(own).find((key) => line.startsWith(`probe ${key}`));
      return name === undefined ? line : `probe ${name}${/ax$|bp$/.test(name) ? '' : ' '}${own[name]}`;
    });
  const rows = Array.from({ length: Math.ceil(size / 32) }, (_, n) => {
    const bytes = shown.subarray(32 * n, 32 * (n + 1));
    return `probe i ${digits(32 * n, 4)} ${encodeHex(bytes)}`;
  });
  return sealed([...head, ...rows]);
}

const wrong = (observations: readonly Observation[]) =>
  observations.filter(({ ok }) => !ok).map(({ text }) => text);

/** After the entry was seen. */
async function entered(guest = guestAtEntry()): Promise<InstanceDriver> {
  const driver = probeDriver(factsOf());
  await driver.observe('entry', viewOf(guest), REPORT);
  return driver;
}

t.test('an honest record, and the entry that it tells of', async (t) => {
  const guest = guestAtEntry();
  const driver = probeDriver(factsOf());
  t.strictSame(driver.stops(REPORT), [{ name: 'entry', address: BigInt(LOAD_BASE) }]);
  t.strictSame(wrong(await driver.observe('entry', viewOf(guest), REPORT)), []);
  t.match(driver.own.observe(['', ...record(guest)], REPORT), [{ ok: true, text: /^it runs at 0x00600000/ }]);
  t.match(driver, { haltsAt: ['expected'], ends: { record: 'expected' } });
  t.match(record(guest).at(-1), driver.landmarks[0]?.pattern ?? /never/);
});

t.test('its last word is a landmark; plain words are not', async (t) => {
  const { landmarks } = probeDriver(factsOf());
  for (const line of ['probe 1 begin entry=efi64 variant=0000', 'probe', 'record', 'probe 1 end lines=1'])
    t.notMatch(line, landmarks[0]?.pattern ?? /./);
});

t.test('what is no record is named', async (t) => {
  const guest = guestAtEntry();
  const whole = record(guest);
  const driver = await entered(guest);
  const cases: readonly (readonly [lines: string[], text: RegExp])[] = [
    [[], /^no record to believe \(absent\): /],
    [['\ufffd\u0416'], /\(garbage\)/],
    [whole.slice(0, -3), /\(cut\)/],
    [whole.with(3, whole[3]!.replace('0', '1')), /\(checksum\)/],
    [whole.with(-1, 'probe 1 end lines=0000 crc32=00000000'), /\((checksum|malformed)\)/],
    [[...whole, ...whole], /\(several\): 2 records begin/],
    [sealed([...whole.slice(0, -1), 'probe i ffff 00']), /\(malformed\)/],
  ];
  for (const [lines, text] of cases) t.match(driver.own.observe(lines, REPORT), [{ ok: false, text }]);
});

t.test('a record of which nobody saw the entry proves nothing', async (t) => {
  t.match(probeDriver(factsOf()).own.observe(record(guestAtEntry()), REPORT), [
    { ok: false, text: /^its entry was not seen/ },
  ]);
});

t.test('a record that is true to itself, and not to what was seen', async (t) => {
  const told = async (t: Test, harm: (guest: MemoryGuest) => void, text: RegExp) => {
    const guest = guestAtEntry();
    const driver = await entered(guest);
    harm(guest);
    t.match(wrong(driver.own.observe(record(guest), REPORT)).join('; '), text);
  };
  await told(
    t,
    (guest) => guest.write(LOAD_BASE + 0x20, Uint8Array.of(0x99)),
    /^segment 0 is not what the file holds/,
  );
  await told(
    t,
    (guest) => guest.write(INFORMATION + 12, Uint8Array.of(0x99)),
    /^boot information differs .* byte 12 on$/,
  );
});

/** RAM of the guest that the layout can watch. */
function shared(guest: MemoryGuest): SharedRam {
  return {
    lowSizeBytes: 64 * MIB,
    read: async (address, sizeBytes) => guest.read(address, sizeBytes),
    write: async (address, bytes) => guest.write(address, bytes),
    extents: async () => [{ start: 0, end: 0x1000 }],
  };
}

function ended(guest: MemoryGuest, isHalted: boolean): EndedMachine {
  const ram = shared(guest);
  return {
    ram,
    isHalted,
    lines: [],
    readPhysical: (address, sizeBytes) => ram.read(address, sizeBytes),
    readDevice: (address, sizeBytes) => ram.read(address, sizeBytes),
    readMachineState: () => guest.readMachineState(),
  };
}

t.test('at its end it halts, and has written nowhere but in its image', async (t) => {
  const guest = guestAtEntry();
  const driver = probeDriver(factsOf());
  const view = viewOf(guest, shared(guest));
  await driver.observe('entry', view, REPORT);
  for (const inspection of driver.inspections?.('entry', view, REPORT) ?? [])
    t.strictSame(wrong(await inspection.inspect()), []);
  t.ok(driver.layout.isPending);
  const atEnd = async (isHalted: boolean) => {
    const found: string[] = [];
    for (const inspection of driver.endInspections?.(ended(guest, isHalted), 'expected', REPORT) ?? [])
      found.push(...wrong(await inspection.inspect()).map((text) => `${inspection.name}: ${text}`));
    return found;
  };
  t.strictSame(await atEnd(true), []);
  t.strictSame(await atEnd(false), ['end: it went on after its record']);
  guest.write(LOAD_BASE + 0x100, Uint8Array.of(1));
  t.strictSame(await atEnd(true), [], 'its own image is its own');
  guest.write(0x20_0008, Uint8Array.of(1));
  t.match(await atEnd(true), [/^layout at its end: \d+ bytes at 0x00200008/], 'its link base is not');
});
