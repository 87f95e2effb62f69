/** The trampoline as the far return into it finds it. Source: head.S (end of trampoline_setup), trampoline.S. */
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { equal, equalBytes, holds, readU32, type GuestView, type Observation } from '../guest/guest-view.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { SymbolisedSubject } from '../subject/loaded-subject.ts';

/** Trampoline and stack share 64 KiB; the stack grows down from their end. */
const STACK_END = 0x10000;
/** Selector and offset, pushed for the far return. */
const FAR_POINTER = 8;

/** The copy below 1 MiB, with its own relocations applied. Source: `__trampoline_rel_start`, `__trampoline_seg_start`. */
export async function checkTrampoline(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const at = (name: string) => symbols.linkTime(name) + physicalStart;
  const target = await readU32(guest, at('trampoline_phys'));
  const size = symbols.linkTime('trampoline_end') - symbols.linkTime('trampoline_start');
  const [copy, original] = [
    await guest.readPhysical(target, size),
    await guest.readPhysical(at('trampoline_start'), size),
  ];
  // `rep movsl` copies whole dwords.
  const copied = size - (size % 4);
  return [
    holds(
      target % 4096 === 0 && target > 0 && target + size <= 0xa_0000,
      `the trampoline is at ${hex(target)}, page aligned, below the EBDA's reach`,
      `the trampoline is at ${hex(target)} (${size} bytes): not page aligned below 640 KiB`,
    ),
    equalBytes(
      `its ${size} bytes are a true copy of the image's`,
      copy.subarray(0, copied),
      original.subarray(0, copied),
      target,
    ),
    ...trampolineRelocations(subject, copy, target),
    equal(
      '%esp on the low-memory stack',
      guest.registers.rsp & 0xffff_ffffn,
      target + STACK_END - FAR_POINTER,
    ),
  ];
}

function trampolineRelocations(
  { symbols }: SymbolisedSubject,
  copy: Uint8Array,
  target: number,
): Observation[] {
  const start = symbols.linear('trampoline_start');
  const memory = new ByteReader(copy, 'trampoline');
  const wrong: string[] = [];
  const places = relocationPlaces(symbols, '__trampoline_rel_start', '__trampoline_rel_stop');
  for (const place of places) {
    const built = new ByteReader(symbols.bytes(place, 4) ?? new Uint8Array(4), 'trampoline relocation').u32(
      0,
    );
    const seen = memory.u32(Number(place - start));
    const wanted = (built + target) >>> 0;
    if (seen !== wanted) wrong.push(`offset ${hex(place - start, 3)} is ${hex(seen)}, not ${hex(wanted)}`);
  }
  const segments = relocationPlaces(symbols, '__trampoline_seg_start', '__trampoline_seg_stop');
  for (const place of segments) {
    const seen = memory.u16(Number(place - start));
    if (seen !== target >>> 4)
      wrong.push(`segment at ${hex(place - start, 3)} is ${hex(seen, 4)}, not ${hex(target >>> 4, 4)}`);
  }
  return [
    holds(
      wrong.length === 0 && places.length > 0,
      `its ${places.length} + ${segments.length} relocations are applied`,
      places.length === 0 ? 'the symbol file lists no trampoline relocation' : wrong.slice(0, 3).join('; '),
    ),
  ];
}

/** Linear link-time addresses that a self-relative relocation list names. */
export function relocationPlaces(symbols: ImageSymbols, first: string, last: string): bigint[] {
  const start = symbols.linear(first);
  const size = Number(symbols.linear(last) - start);
  const list = new ByteReader(symbols.bytes(start, size) ?? new Uint8Array(0), first);
  return Array.from(
    { length: list.length / 4 },
    (_, i) => start + BigInt(4 * i) + BigInt(list.u32(4 * i) | 0),
  );
}
