/** Results made by hand: what holds, what has a defect, what never ends. */
import { findingAt, resultAt } from '../../check/testdata/results.ts';
import type { BaseResult, EntryName } from '../../check/contract.ts';

const LINK_BASE = 0x200000;
/** Xen 4.17, as Debian's gcc builds it: `add %esi,sym_esi(gdt_boot_base)` in head.S; in another image whatever stands there. */
const STORE = 0x3fb6a1;
/** Its base register dropped. */
const BASELESS = { bitness: 32, bytes: Uint8Array.of(0x01, 0x35, 0x04, 0x50, 0x44, 0x00) } as const;
const GDT_BASE = 0x445004;

const misaligned: Partial<BaseResult> = {
  ending: { kind: 'said', text: 'ERR: Xen must be loaded at a 2Mb boundary!' },
  endState: [],
};

export function holding(entry: EntryName, base: number): BaseResult {
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

/** @param store link-time address of an instruction that forgot its base. */
export function defective(entry: EntryName, base: number, store = STORE): BaseResult {
  const result = holding(entry, base);
  if (base === LINK_BASE || base % 0x200000 !== 0) return result;
  const dies = base === 0x400000 || base === 0x600000;
  return {
    ...result,
    findings: [
      findingAt(store, base, {
        ...{ times: 3, touched: BigInt(GDT_BASE), expected: BigInt(GDT_BASE + base - LINK_BASE) },
        instruction: { ...BASELESS, linear: BigInt(store + base - LINK_BASE) },
      }),
      findingAt(store + 0x20, base, {
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
            linear: BigInt(base + 0x1fb701),
          } as const,
        }
      : {}),
    asymmetries: [
      { place: 'image+0x245004 (gdt_boot_base)', reference: 1n, here: 0n, instruction: BigInt(store) },
    ],
  };
}

export function looping(entry: EntryName, base: number): BaseResult {
  const at = (offset: number) => BigInt(base + offset);
  return {
    ...holding(entry, base),
    endsAsExpected: false,
    ending: {
      kind: 'endless',
      loop: [0x1fb66e, 0x1fb672].map((offset) => ({ linear: at(offset), times: 500 })),
    },
    endedAt: { linear: at(0x1fb66e), bitness: 32, bytes: Uint8Array.of(0xeb, 0xfe, 0x90) },
    endState: [{ ok: false, text: 'no end state: it never came there' }],
  };
}
