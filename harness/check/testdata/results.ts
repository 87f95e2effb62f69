/** Results made by hand: of an image like Xen, linked at 2 MiB. */
import type { Finding } from '../../sanitizer/finding.ts';
import type { BaseResult } from '../contract.ts';
import type { LinkedImage } from '../ending-words.ts';

export const LINKED: LinkedImage = { linkBase: 0x200000, loadSize: 0x3c8000 };

/** One that holds. */
export function resultAt(loadBase: number, changes: Partial<BaseResult> = {}): BaseResult {
  return {
    entry: 'bios',
    loadBase,
    ending: { kind: 'reached', where: '__start_xen' },
    endsAsExpected: true,
    executed: 70_000,
    findings: [],
    notes: [],
    endState: [{ ok: true, text: `xen_phys_start = 0x${(loadBase - LINKED.linkBase).toString(16)}` }],
    asymmetries: [],
    asymmetryCount: changes.asymmetries?.length ?? 0,
    ...changes,
  };
}

/** A store that forgot the base: of the instruction at this link-time address. */
export function findingAt(linkTime: number, loadBase: number, changes: Partial<Finding> = {}): Finding {
  const moved = loadBase - LINKED.linkBase;
  return {
    rule: 'link-time-write',
    instruction: {
      linear: BigInt(linkTime + moved),
      bitness: 32,
      bytes: Uint8Array.of(0xa3, 0x80, 0x34, 0x52, 0x00),
    },
    deed: 'write',
    touched: 0x523480n,
    sizeBytes: 4,
    expected: BigInt(0x523480 + moved),
    times: 1,
    ...changes,
  };
}
