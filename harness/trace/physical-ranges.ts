/** Cuts lists of memory runs into records that fit in a chunk. */
import { MAX_RUN_BYTES } from './record-encoder.ts';
import type { MemoryRun } from './record.ts';

const RUNS_PER_RECORD = 512;
/** Physical addresses have 52 bits (SDM 3A §4.1.4). */
export const PHYSICAL_LIMIT = 2 ** 52;

/** Empty runs are left out; long ones are cut. @throws RangeError where a run lies beyond physical memory */
export function* recordsOf(runs: readonly MemoryRun[]): Generator<readonly MemoryRun[]> {
  let record: MemoryRun[] = [];
  let sizeBytes = 0;
  for (const piece of runs.flatMap(pieces)) {
    if (record.length === RUNS_PER_RECORD || sizeBytes + piece.bytes.length > MAX_RUN_BYTES) {
      yield record;
      record = [];
      sizeBytes = 0;
    }
    record.push(piece);
    sizeBytes += piece.bytes.length;
  }
  if (record.length > 0) yield record;
}

function pieces({ address, bytes }: MemoryRun): MemoryRun[] {
  if (bytes.length === 0) return [];
  mustBePhysical(address, bytes.length);
  const cut: MemoryRun[] = [];
  for (let at = 0; at < bytes.length; at += MAX_RUN_BYTES)
    cut.push({ address: address + at, bytes: bytes.subarray(at, at + MAX_RUN_BYTES) });
  return cut;
}

/** @throws RangeError where these are no bytes of physical memory */
export function mustBePhysical(address: number, sizeBytes: number): void {
  if (!isPhysical(address, sizeBytes))
    throw new RangeError(`${sizeBytes} bytes at ${address} are no physical memory`);
}

/** Whether there can be such a range, with at least one byte. */
export function isPhysical(address: number, sizeBytes: number): boolean {
  return (
    Number.isSafeInteger(address) &&
    Number.isSafeInteger(sizeBytes) &&
    address >= 0 &&
    sizeBytes > 0 &&
    address + sizeBytes <= PHYSICAL_LIMIT
  );
}
