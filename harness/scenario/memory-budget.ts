/** How much memory the machines of a run may be promised together. */
import { readFile, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { MIB } from '../bits/align.ts';

export interface HostMemory {
  /** What may be taken without swapping, in MiB. */
  readonly availableMib: number;
  /** What the file system has room for in which machines have their RAM; undefined: there is none. */
  readonly sharedRoomMib: number | undefined;
}

/** The rest is the harness's own, QEMU's beside the guest's RAM, and whoever else is here. */
const AVAILABLE_SHARE = 0.8;
/** RAM files are sparse, and an early boot touches a tenth of its memory; /dev/shm is half of the memory by default. */
const SHARED_SHARE = 1.6;

/** Where the greatest machine's RAM does not fit into /dev/shm, it is not put there (qemu/guest-ram.ts). Pure. */
export function memoryBudgetMib({ availableMib, sharedRoomMib }: HostMemory, greatestMib: number): number {
  const ofAvailable = availableMib * AVAILABLE_SHARE;
  if (sharedRoomMib === undefined || sharedRoomMib < greatestMib) return Math.floor(ofAvailable);
  return Math.floor(Math.min(ofAvailable, sharedRoomMib * SHARED_SHARE));
}

/** MemAvailable of proc(5), in MiB. */
export function parseMemAvailable(meminfo: string): number | undefined {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  return kib === undefined ? undefined : Number(kib) / 1024;
}

/** As it is now. What cannot be asked is guessed, as a run is still worth while. */
export async function hostMemory(meminfo = '/proc/meminfo', shared = '/dev/shm'): Promise<HostMemory> {
  const known = parseMemAvailable(await readFile(meminfo, 'utf8').catch(() => ''));
  const room = await statfs(shared).catch(() => undefined);
  // A container's own limit, which the kernel's file does not know; 0 or beyond all memory: none.
  const constrainedMib = process.constrainedMemory() / MIB;
  return {
    availableMib: Math.min(known ?? freemem() / MIB, constrainedMib > 0 ? constrainedMib : Infinity),
    sharedRoomMib: room && (room.bavail * room.bsize) / MIB,
  };
}
