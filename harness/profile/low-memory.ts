/** What a BIOS machine certainly has in low memory, and no capture of one image reads: all vectors, the loader's GDT. */
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import {
  ATTRIBUTES,
  BASE,
  GDTR,
  LIMIT,
  SEGMENT_WORDS,
  SEGMENTS,
  SELECTOR,
} from '../x86/state/state-layout.ts';
import { isKnown } from './known-memory.ts';

const VECTORS = 256;
const BIOS_SEGMENT = 0xf000;
/** Within the BIOS's 64 KiB, above what it uses: a handler that is none. */
const FIRST_MADE_UP = 0xff00;
const DESCRIPTOR_BYTES = 8;
const SEGMENTS_WITH_SELECTORS = 6;
const GRANULARITY = 1 << 23;

/** @returns what was made up, in words */
export function fillLowMemory(memory: PhysicalMemory, initial: Int32Array): string[] {
  const unknown = Array.from({ length: VECTORS }, (_, vector) => vector).filter(
    (vector) => !isKnown(memory, 4 * vector),
  );
  for (const vector of unknown) {
    const entry = Buffer.alloc(4);
    entry.writeUInt16LE(FIRST_MADE_UP + vector, 0);
    entry.writeUInt16LE(BIOS_SEGMENT, 2);
    memory.load(4 * vector, entry);
  }
  fillGdt(memory, initial);
  return [
    `${unknown.length} interrupt vectors that no capture reads lead to made-up handlers, so that a call is told by its number`,
    'the loader’s GDT has the descriptors that segment registers were loaded from, made of their hidden parts',
  ];
}

/** SDM 3A §3.4.5. */
function fillGdt(memory: PhysicalMemory, initial: Int32Array): void {
  const gdt = initial[GDTR]! >>> 0;
  if (!isKnown(memory, gdt)) memory.load(gdt, new Uint8Array(DESCRIPTOR_BYTES));
  for (let segment = 0; segment < SEGMENTS_WITH_SELECTORS; segment++) {
    const at = SEGMENTS + segment * SEGMENT_WORDS;
    const place = gdt + (initial[at + SELECTOR]! & ~7);
    if (place === gdt || isKnown(memory, place)) continue;
    const [base, attributes] = [initial[at + BASE]! >>> 0, initial[at + ATTRIBUTES]! >>> 0];
    const limit = (initial[at + LIMIT]! >>> 0) >>> (attributes & GRANULARITY ? 12 : 0);
    const bytes = Buffer.alloc(DESCRIPTOR_BYTES);
    bytes.writeUInt32LE(((base << 16) | (limit & 0xffff)) >>> 0, 0);
    const high =
      (base & 0xff00_0000) | ((base >>> 16) & 0xff) | (attributes & 0x00f0_ff00) | (limit & 0xf_0000);
    bytes.writeUInt32LE(high >>> 0, 4);
    memory.load(place, bytes);
  }
}
