/** Whether the instruction that the stopped machine stands before goes outside. */
import type { LogRange } from '../qemu/machine-spec.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import type { Instruction } from '../x86/instruction.ts';
import { readField } from '../x86/state/state-layout.ts';
import { isInside } from './inside.ts';
import { bitnessOf, destinationOf } from './step-rules.ts';

/** `unknown`: a far transfer; who steps it sees. */
export type Leaving = 'leaves' | 'stays' | 'unknown';

/** @param words the state before it */
export async function leaving(
  rsp: RspClient,
  inside: readonly LogRange[],
  instruction: Instruction,
  words: Int32Array,
): Promise<Leaving> {
  const to = destinationOf(instruction, words);
  const verdict = (linear: bigint): Leaving => (isInside(inside, linear) ? 'stays' : 'leaves');
  switch (to.kind) {
    case 'outside':
      return 'leaves';
    case 'linear':
      return verdict(to.linear);
    case 'in memory':
      return verdict(inCode(words, await wordAt(rsp, to.at, words)));
    case 'next':
      return 'stays';
    case 'unknown':
      return 'unknown';
  }
}

/** An address as the current mode keeps it in memory. */
export async function wordAt(rsp: RspClient, linear: bigint, words: Int32Array): Promise<bigint> {
  const bytes = Buffer.from(await rsp.readMemory(linear, bitnessOf(words) / 8));
  return bytes.length === 8 ? bytes.readBigUInt64LE() : BigInt(bytes.readUIntLE(0, bytes.length));
}

/** The linear address of an offset in the code segment. */
export function inCode(words: Int32Array, offset: bigint): bigint {
  return BigInt.asUintN(64, readField(words, 'cs.base') + offset);
}
