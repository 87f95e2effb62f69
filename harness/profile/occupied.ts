/** Where a machine's own memory lies: an image loaded there would overwrite it. */
import { alignDown, alignUp, MIB } from '../bits/align.ts';
import type { IdentityMap } from './identity-map.ts';
import type { FirmwareReply, MachineProfile } from './machine-profile.ts';

const PAGE_BYTES = 4096;
/** Pieces of one firmware's memory lie that near to one another; what is between them is its own, too. */
const GAP_BYTES = 16 * MIB;
/** Below it lie pieces of the loader's, between which there is room. */
const LOADER_END = 16 * MIB;

interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Occupants {
  readonly runs: MachineProfile['memory'];
  readonly bootInformation: Range;
  readonly identityMap: IdentityMap | undefined;
  readonly replies: readonly FirmwareReply[];
  /** Other addresses that are the machine's: stack pointer, page tables, descriptor tables, entries of functions. */
  readonly addresses: readonly number[];
}

/** In the order of addresses, whole pages. */
export function occupiedBy({
  runs,
  bootInformation,
  identityMap,
  replies,
  addresses,
}: Occupants): MachineProfile['occupied'] {
  const writes = replies.flatMap((reply) => reply.writes.filter(({ through }) => through === 'memory'));
  const tables = identityMap ? [identityMap.pointerTable, ...identityMap.directories] : [];
  const ranges: Range[] = [
    // Vectors, BIOS data, trampolines, video memory, ROM.
    { start: 0, end: MIB },
    bootInformation,
    ...runs.map(({ address, bytes }) => ({ start: address, end: address + bytes.length })),
    ...writes.map(({ at, bytes }) => ({ start: at, end: at + bytes.length })),
    ...[...tables, ...addresses].map((start) => ({ start, end: start + PAGE_BYTES })),
  ];
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last && start <= last.end + (start < LOADER_END ? 0 : GAP_BYTES)) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined.map(({ start, end }) => ({
    ...{ start: alignDown(start, PAGE_BYTES), end: alignUp(end, PAGE_BYTES) },
    what: start < MIB ? 'low memory and boot information' : 'memory of the firmware',
  }));
}
