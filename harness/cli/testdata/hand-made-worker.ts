/** A worker that runs nothing: results made by hand, of the kind that the query of its URL names. */
import { findingAt, resultAt } from '../../check/testdata/results.ts';
import type { BaseResult, EntryName } from '../../check/contract.ts';
import { checkJobs } from '../../check/workers/check-job.ts';
import { serveJobs } from '../../check/workers/serve-jobs.ts';
import type { CheckedImageData } from '../../check/checker.ts';

const LINK_BASE = 0x200000;
/** In Xen 4.17's `__start` of Debian's build; in another image whatever stands there. */
const STORE = 0x5c30aa;

const misaligned: Partial<BaseResult> = {
  ending: { kind: 'said', text: 'ERR: Xen must be loaded at a 2Mb boundary!' },
  endState: [],
};

function holding(entry: EntryName, base: number): BaseResult {
  const ok = (text: string) => ({ ok: true, text });
  return resultAt(base, {
    entry,
    ...(base % 0x200000 === 0
      ? {
          endState: [
            ok(`xen_phys_start = 0x${(base - LINK_BASE).toString(16)}`),
            ok('CR3 is idle_pg_table, where the image is'),
            ok(`12 page tables walked: all of them in the image or the trampoline`),
            ok('the high half of the image is mapped to where it is'),
            ok('GDT at the high address of gdt'),
            ok('the trampoline at 0x8c000 is relocated, byte for byte'),
            ok('RIP is at the high address of __start_xen'),
            ok('RSP is in cpu0_stack'),
          ],
        }
      : misaligned),
  });
}

function defective(entry: EntryName, base: number): BaseResult {
  const result = holding(entry, base);
  if (base === LINK_BASE || base % 0x200000 !== 0) return result;
  const dies = base === 0x400000 || base === 0x600000;
  return {
    ...result,
    findings: [
      findingAt(STORE, base, { times: 3 }),
      findingAt(STORE + 0x20, base, {
        rule: 'foreign-write',
        deed: 'write',
        touched: 0x9000n,
        what: 'evil\x1b[2Jname',
      }),
    ],
    ...(dies
      ? {
          endsAsExpected: false,
          ending: {
            kind: 'stopped',
            reason: { kind: 'triple fault', vector: 14, errorCode: 2 },
            linear: BigInt(base + 0x3c3000),
          } as const,
        }
      : {}),
    asymmetries: [
      { place: 'image+0x323480 (boot_tsc_stamp)', reference: 1n, here: 0n, instruction: BigInt(STORE) },
    ],
  };
}

function looping(entry: EntryName, base: number): BaseResult {
  const at = (offset: number) => BigInt(base + offset);
  return {
    ...holding(entry, base),
    endsAsExpected: false,
    ending: {
      kind: 'endless',
      loop: [0x3c30aa, 0x3c30b0].map((offset) => ({ linear: at(offset), times: 500 })),
    },
    endState: [{ ok: false, text: 'no end state: it never came there' }],
  };
}

const kinds: Readonly<Record<string, (entry: EntryName, base: number) => BaseResult>> = {
  holds: holding,
  defect: defective,
  loops: looping,
  throws: () => {
    throw new Error('a fault of the model');
  },
};

const make = kinds[new URL(import.meta.url).search.slice(1)];
if (!make) throw new Error('the URL names no kind');
serveJobs((data: CheckedImageData) =>
  Promise.resolve(checkJobs(data, (_data, entry) => Promise.resolve({ at: (base) => make(entry, base) }))),
);
