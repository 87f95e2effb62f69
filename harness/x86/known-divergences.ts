/** Where the model is known to be other than QEMU 7.2 or than processors: the one list. */

import type { Habits } from './execute/habits.ts';

export interface KnownDivergence {
  /** Instruction or mechanism. */
  readonly what: string;
  readonly model: string;
  /** Who does what instead. */
  readonly others: string;
  readonly why: string;
  /** With this switch as in TCG the model does as QEMU does, instead. */
  readonly habit?: keyof Habits;
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
    what: 'limits and rights of data segments outside 64-bit mode',
    model: 'checked at each access (SDM 3A §5.3, §5.4.1)',
    others: 'QEMU checks neither: an access beyond the limit succeeds, and a null segment has base 0',
    why: 'the processor faults; code that relies on QEMU would not boot on it',
    habit: 'checksLimits',
  },
  {
    what: 'the accessed bit of a code segment',
    model: 'far transfers and gates set it, in CS and in the descriptor',
    others: 'QEMU never sets it',
    why: 'SDM 3A §3.4.5.1',
    habit: 'marksCodeAccessed',
  },
  {
    what: 'attributes of TR after LTR',
    model: 'busy',
    others: 'QEMU: available; busy in memory alone',
    why: 'SDM 3A §7.2.2',
    habit: 'showsBusyTask',
  },
  {
    what: 'RF in the flags that a fault pushes',
    model: 'set',
    others: 'QEMU: clear',
    why: 'SDM 3B §17.3.1.1',
    habit: 'pushesResumeFlag',
  },
  {
    what: 'SS when a stack of the interrupt stack table is taken at the same privilege',
    model: 'stays',
    others: 'QEMU: becomes null',
    why: 'SDM 3A §6.14.5',
    habit: 'keepsStackSegment',
  },
  {
    what: 'data segments that a return to an outer level drops',
    model: 'base, limit and attributes are cleared',
    others: 'QEMU: base and limit stay, P is cleared',
    why: 'SDM 3A §5.8.6; nobody can use them',
    habit: 'clearsDroppedSegments',
  },
  {
    what: 'error code of a missing gate in long mode',
    model: 'vector × 8 + 2',
    others: 'QEMU: vector × 16 + 2',
    why: 'SDM 3A §6.13',
    habit: 'longGateErrorScale',
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
  {
    what: 'EXT bit in the error code of a fault while another is delivered',
    model: 'set (SDM 3A §6.13)',
    others: 'QEMU: mostly clear (not measured)',
    why: 'to be seen only in a double fault that is survived',
  },
  {
    what: 'RF loaded by IRETD and IRETQ',
    model: 'ignored',
    others: 'processors: suppresses breakpoints for one instruction',
    why: 'the model has no breakpoints',
  },
  {
    what: 'an instruction fetched beyond the limit of CS',
    model: 'only targets of branches are checked',
    others: 'processors: #GP(0) at the instruction',
    why: 'one comparison less for each instruction',
  },
  {
    what: 'a near or far branch beyond the limit of CS in real mode',
    model: '#GP(0)',
    others: 'QEMU does not check (not measured)',
    why: 'the processor faults',
  },
  {
    what: 'the instruction after STI, MOV SS, POP SS; TF; debug breakpoints',
    model: 'nothing is delayed or trapped',
    others: 'processors: one instruction without interrupts; #DB',
    why: 'the model takes no interrupts, and early boot does not debug itself',
  },
  {
    what: 'reserved bits of CR4 and EFER; EFER.LME without PAE',
    model: '#GP(0)',
    others: 'QEMU masks or ignores some, by CPU model (not measured)',
    why: 'SDM 3A §2.5',
  },
  {
    what: 'bits of CR0, CR4 and EFER that CPUID does not offer',
    model: 'accepted where the SDM defines them',
    others: 'processors: #GP(0)',
    why: 'the model does not know what CPUID will answer',
  },
  {
    what: 'address bits of page table entries between MAXPHYADDR and 51',
    model: 'accepted',
    others: 'processors: reserved, #PF',
    why: 'the model does not know what CPUID will answer',
  },
  {
    what: 'page directory pointers of PAE paging',
    model: 'read at each walk, reserved bits not checked',
    others: 'processors: loaded with CR3 (SDM 3A §4.4.1)',
    why: 'nobody changes them while they are in use',
  },
  {
    what: 'reset through port 92h or the keyboard controller',
    model: 'ignored, but A20',
    others: 'machines: reset',
    why: 'a capture ends there; a replay does not get further than that',
  },
  {
    what: 'FPU control and status words, MXCSR, debug registers, CR8, XCR0 at the beginning',
    model: 'as after reset',
    others: 'a recording: what firmware left',
    why: 'QEMU’s log does not tell them; early boot loads them before it reads them',
  },
];
