/** An instruction as it stands in memory. */
import { LONGEST } from '../x86/execute/code-store.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { GuestFault } from '../x86/execute/guest-fault.ts';
import { ModelStop } from '../x86/execute/stop.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import type { Finding } from './finding.ts';

/** @param at linear address; absent: the instruction pointer's */
export function instructionAt(cpu: Cpu, at = cpu.linearInstruction): Finding['instruction'] {
  return { linear: at, bitness: cpu.bitness, bytes: bytesAt(cpu, at, LONGEST, 'execute') };
}

/** As many as can be accessed; faults of the guest and CR2 are left as they were. */
export function bytesAt(
  { memory, physical, words }: Cpu,
  linear: bigint,
  sizeBytes: number,
  access: 'read' | 'execute',
): Uint8Array {
  const bytes: number[] = [];
  const before = words.slice();
  try {
    for (let at = linear; bytes.length < sizeBytes; at++) {
      const [low, high] = [Number(BigInt.asIntN(32, at)), Number(BigInt.asIntN(32, at >> 32n))];
      bytes.push(memory.pageFor(low, high, access).bytes[low & (PAGE_BYTES - 1)]!);
    }
  } catch (thrown) {
    if (!(thrown instanceof GuestFault || thrown instanceof ModelStop)) throw thrown;
    words.set(before);
    // Its own tables map it no more: early boot runs where linear addresses are physical ones.
    if (bytes.length === 0 && linear < 1n << 32n && physical.has(Number(linear >> 12n)))
      return physical.read(Number(linear), LONGEST);
  }
  return Uint8Array.from(bytes);
}
