/** Where the model is known to be other than QEMU 7.2 or than processors: the one list. */

export interface KnownDivergence {
  /** Instruction or mechanism. */
  readonly what: string;
  readonly model: string;
  /** Who does what instead. */
  readonly others: string;
  readonly why: string;
}

export const KNOWN_DIVERGENCES: readonly KnownDivergence[] = [
  {
    what: 'BT, BTS, BTR, BTC: OF, SF, AF, PF',
    model: 'stay as they were, as processors leave them',
    others: 'QEMU: what its lazy flags give, which depends on the instruction that set them last',
    why: 'undefined in the SDM; QEMU’s answer depends on its translation, not on the machine’s state',
  },
  {
    what: 'MUL, IMUL: SF, ZF, AF, PF; DIV, IDIV: all; shifts: AF, OF of counts above 1; BSF, BSR, TZCNT, LZCNT, AAA … DAS: the rest',
    model: 'as QEMU 7.2',
    others: 'processors differ among themselves',
    why: 'undefined in the SDM; execute/undefined-flags.ts has the masks',
  },
  {
    what: 'BSF and BSR of 0 into a 4-byte register in 64-bit mode',
    model: 'the target keeps its low half and loses its high one, as in QEMU',
    others: 'processors of Intel and AMD keep all 64 bits',
    why: 'undefined in the SDM',
  },
  {
    what: 'TZCNT, LZCNT, POPCNT on a CPU without them',
    model: 'executes them',
    others: 'QEMU’s qemu64 and old processors: BSF, BSR; POPCNT is #UD',
    why: 'the decoder knows no CPUID; early boot code that asks for them runs on CPUs that have them',
  },
  {
    what: 'REPE/REPNE CMPS and SCAS that fault in the middle: flags',
    model: 'those of before the instruction (SDM 2B, REP)',
    others: 'QEMU: those of the last iteration that ran',
    why: 'the SDM says so; the instruction is executed again and sets them',
  },
  {
    what: 'a repeated string instruction that is interrupted, or that overwrites its own bytes',
    model: 'runs to its end',
    others: 'an interrupt comes between two iterations; QEMU decodes anew',
    why: 'the model takes no interrupts, and one operation is all iterations',
  },
  {
    what: 'I/O permission bitmap of INS and OUTS beyond IOPL',
    model: '#GP(0) without a look at the TSS',
    others: 'the bitmap may allow the port',
    why: 'early boot runs at ring 0',
  },
  {
    what: 'segment limits and rights outside 64-bit mode',
    model: 'checked at each access (SDM 3A §5.3)',
    others: 'QEMU checks none on data accesses: an access beyond the limit succeeds',
    why: 'the processor faults; code that relies on QEMU would not boot on it',
  },
  {
    what: 'a stack address in 64-bit mode that is not canonical',
    model: '#GP(0)',
    others: 'processors: #SS(0)',
    why: 'the model’s memory does not know why it is accessed',
  },
  {
    what: 'BSWAP of a 2-byte register',
    model: '0',
    others: 'undefined in the SDM; some processors give another value',
    why: 'no compiler emits it',
  },
  {
    what: 'a prefix for ES, CS, SS or DS in 64-bit mode',
    model: 'ignored: the base is 0 (SDM 1 §3.4.2.1)',
    others: 'QEMU 7.2 adds the base that was loaded into that segment register, if any',
    why: 'QEMU’s error; to be seen only where a segment with a base was loaded before',
  },
  {
    what: 'error code of a page fault of an instruction that reads and writes its operand, without LOCK',
    model: 'W/R is 1, as processors say: the translation is asked for with the intent to write',
    others: 'QEMU reads first: W/R is 0 where nothing is there to read',
    why: 'QEMU translates it into a load and a store',
  },
];
