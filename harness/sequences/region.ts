/** Sequences of one mode laid out as a region of the specimen. */
import type { Bitness } from '../x86/execute/cpu.ts';
import { AX, BX, encode, littleEndian, type Parts, type Piece, SP } from './encoding.ts';
import type { Unit } from './form.ts';
import { LOW_PLACES, LOW_STACK_TOP, PLACES, REGION_BYTES, SCRATCH_MIDDLE } from './places.ts';
import type { Sequence } from './sequence.ts';

export interface Region {
  readonly bitness: Bitness;
  readonly bytes: Uint8Array;
  readonly places: readonly PlacedSequence[];
}

/** Offsets in the region. */
export interface PlacedSequence {
  readonly sequence: Sequence;
  readonly start: number;
  readonly end: number;
  /** Where each unit begins. */
  readonly units: readonly number[];
}

/** More code than the specimen has room for. */
export class RegionFullError extends Error {
  override readonly name = 'RegionFullError';
  constructor(bitness: Bitness, sizeBytes: number) {
    super(
      `${sizeBytes} bytes of ${bitness}-bit sequences do not fit into ${REGION_BYTES[bitness]}: run fewer at once`,
    );
  }
}

/** @throws RegionFullError; RangeError where a jump of a byte's distance is too long */
export function layOut(bitness: Bitness, sequences: readonly Sequence[]): Region {
  const bytes: number[] = [];
  const places: PlacedSequence[] = [];
  for (const sequence of sequences) {
    const start = bytes.length;
    const { body, offsets } = layOutUnits(sequence.units);
    bytes.push(...prologue(sequence, start, body.length));
    const units = offsets.map((offset) => bytes.length + offset);
    bytes.push(...body);
    places.push({ sequence, start, end: bytes.length, units });
  }
  bytes.push(...exitJump(bitness));
  if (bytes.length > REGION_BYTES[bitness]) throw new RegionFullError(bitness, bytes.length);
  return { bitness, bytes: Uint8Array.from(bytes), places };
}

/** As many as there is room for. @returns how many of the first ones */
export function howManyFit(bitness: Bitness, sequences: readonly Sequence[]): number {
  let free = REGION_BYTES[bitness] - exitJump(bitness).length;
  for (const [index, sequence] of sequences.entries()) {
    const { body } = layOutUnits(sequence.units);
    free -= prologue(sequence, 0, body.length).length + body.length;
    if (free < 0) return index;
  }
  return sequences.length;
}

export interface FoundUnit {
  readonly sequence: Sequence;
  readonly sequenceIndex: number;
  /** −1: what sets the registers up. */
  readonly unitIndex: number;
}

/** What stands at an offset in the region. @returns undefined beyond the sequences */
export function unitAt({ places }: Region, offset: number): FoundUnit | undefined {
  const sequenceIndex = places.findIndex(({ start, end }) => offset >= start && offset < end);
  const found = places[sequenceIndex];
  if (!found) return undefined;
  const unitIndex = found.units.findLastIndex((start) => start <= offset);
  return { sequence: found.sequence, sequenceIndex, unitIndex };
}

/** Offsets of its repeated string instructions. */
export function repeatsOf({ places }: Region): { readonly start: number; readonly end: number }[] {
  return places.flatMap(({ sequence, units }) =>
    sequence.units.flatMap(({ pieces }, index) => {
      let start = units[index]!;
      return pieces.flatMap(({ bytes, isRepeated = false }) => {
        const place = { start, end: start + bytes.length };
        start = place.end;
        return isRepeated ? [place] : [];
      });
    }),
  );
}

function layOutUnits(units: readonly Unit[]): { body: number[]; offsets: number[] } {
  const lengths = units.map(({ pieces }) => pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  const body: number[] = [];
  const offsets: number[] = [];
  for (const [index, { pieces, skip }] of units.entries()) {
    offsets.push(body.length);
    body.push(...pieces.flatMap(({ bytes }) => [...bytes]));
    if (!skip) continue;
    const distance = lengths
      .slice(index + 1, index + 1 + skip.count)
      .reduce((sum, length) => sum + length, 0);
    if (skip.distanceBytes === 1 && distance > 127)
      throw new RangeError(`a short jump over ${distance} bytes`);
    body.splice(
      body.length - skip.distanceBytes,
      skip.distanceBytes,
      ...littleEndian(distance, skip.distanceBytes),
    );
  }
  return { body, offsets };
}

const [FS_PREFIX, CS_PREFIX] = [0x64, 0x2e];

/** `body`: bytes that follow; the next sequence begins behind them. */
function prologue(sequence: Sequence, start: number, body: number): number[] {
  const { bitness } = sequence;
  const rest = setUp(sequence);
  const store = storeResume(bitness, 0);
  const next = start + store.length + rest.length + body;
  // In 64-bit mode the distance from behind the first instruction, which takes it relative to RIP.
  const distance = bitness === 64 ? next - start - LEA_BYTES : next;
  return [...storeResume(bitness, distance), ...rest];
}

const LEA_BYTES = 7;

function storeResume(bitness: Bitness, next: number): number[] {
  if (bitness === 16)
    return [CS_PREFIX, 0xc7, 0x06, ...littleEndian(LOW_PLACES + PLACES.resume, 2), ...littleEndian(next, 2)];
  if (bitness === 32)
    return [
      ...[FS_PREFIX, 0xa1, ...littleEndian(PLACES.region, 4)],
      ...[0x05, ...littleEndian(next, 4)],
      ...[FS_PREFIX, 0xa3, ...littleEndian(PLACES.resume, 4)],
    ];
  return [
    ...[0x48, 0x8d, 0x05, ...littleEndian(next, 4)],
    ...[FS_PREFIX, 0x48, 0x89, 0x04, 0x25, ...littleEndian(PLACES.resume, 4)],
  ];
}

/** Segments, the stack, the base register, flags, and all other registers. */
function setUp(sequence: Sequence): number[] {
  const { bitness, registers, flags } = sequence;
  const free = registers
    .map((value, index) => ({ value, index }))
    .filter(({ index }) => index !== SP && index !== BX);
  return [
    ...(bitness === 16
      ? realMode(sequence)
      : [...fromPlace(bitness, SP, PLACES.stack), ...fromPlace(bitness, BX, PLACES.scratch)]),
    ...one({
      bitness,
      mnemonic: 'push',
      size: bitness === 64 ? 8 : 4,
      isWideByDefault: true,
      opcode: [0x68],
      immediate: littleEndian(flags, 4),
    }),
    ...one({
      bitness,
      mnemonic: 'popf',
      size: bitness === 64 ? 8 : 4,
      isWideByDefault: true,
      opcode: [0x9d],
    }),
    ...free.flatMap(({ value, index }) => [...load(bitness, index, value).bytes]),
  ];
}

const one = (parts: Parts): number[] => [...encode(parts).bytes];

function load(bitness: Bitness, register: number, value: bigint): Piece {
  const size = bitness === 64 ? 8 : 4;
  return encode({
    bitness,
    mnemonic: 'mov',
    size,
    opcode: [0xb8],
    plus: register,
    immediate: littleEndian(value, size),
  });
}

function fromPlace(bitness: 32 | 64, register: number, place: number): number[] {
  const absolute = { mod: 0, rm: bitness === 64 ? SP : 5, displacement: littleEndian(place, 4) } as const;
  const target = {
    kind: 'memory',
    ...absolute,
    hasAddressPrefix: false,
    before: [],
    segmentPrefix: FS_PREFIX,
  } as const;
  const sib = { scale: 1, index: SP, base: 5 };
  const size = bitness === 64 ? 8 : 4;
  return one({
    ...{ bitness, mnemonic: 'mov', size, opcode: [0x8b], reg: register },
    target: bitness === 64 ? { ...target, sib } : target,
  });
}

/** MOV to ES, DS, FS, GS. */
const SEGMENT_REGISTERS = [0, 3, 4, 5];

function realMode({ segments, bitness }: Sequence): number[] {
  return [
    ...SEGMENT_REGISTERS.flatMap((reg, index) => [
      ...one({
        bitness,
        mnemonic: 'mov',
        size: 2,
        opcode: [0xb8],
        plus: AX,
        immediate: littleEndian(segments[index]!, 2),
      }),
      ...one({ bitness, mnemonic: 'mov', opcode: [0x8e], reg, target: { kind: 'register', index: AX } }),
    ]),
    ...load(bitness, SP, BigInt(LOW_STACK_TOP)).bytes,
    ...load(bitness, BX, BigInt(SCRATCH_MIDDLE)).bytes,
  ];
}

function exitJump(bitness: Bitness): number[] {
  if (bitness === 16) return [CS_PREFIX, 0xff, 0x26, ...littleEndian(LOW_PLACES + PLACES.exit, 2)];
  const absolute = bitness === 64 ? [0x24, 0x25] : [0x25];
  return [FS_PREFIX, 0xff, ...absolute, ...littleEndian(PLACES.exit, 4)];
}
