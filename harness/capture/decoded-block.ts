/** The instructions of one executed block. Pure. */
import type { Disassembler } from '../x86/disassembler.ts';
import type { Flow, Instruction } from '../x86/instruction.ts';
import type { Block } from './block-log.ts';
import { isRepeatedString } from './repeated-string.ts';

/** Code at a linear address, as many bytes as there are; undefined where it cannot be read. */
export type CodeReader = (linear: bigint) => Uint8Array | undefined;

/** How much of its code a block may need; a longer one is cut, which hides nothing but its end. */
export const BLOCK_CODE_BYTES = 1024;
/** Most blocks have less. */
const DECODED_AT_ONCE = 16;

/** The instruction that ends a block, addresses linear. */
export interface BlockEnd {
  readonly linear: bigint;
  readonly text: string;
  readonly flow: Flow;
  /** Where it goes, where the instruction itself says so. */
  readonly target: bigint | undefined;
  /** The next instruction in memory. */
  readonly after: bigint;
}

export interface DecodedBlock {
  /** Undefined where the code could not be read or does not end. */
  readonly end: BlockEnd | undefined;
  /** Linear addresses of all its instructions but the first: an interrupt may cut it there. */
  readonly starts: ReadonlySet<bigint>;
  /** Repeated string instructions in it. */
  readonly repeats: readonly { readonly linear: bigint; readonly next: bigint; readonly text: string }[];
}

export function decodeBlock(block: Block, code: CodeReader, disassembler: Disassembler): DecodedBlock {
  const instructions = straightLine(block, code(block.linear) ?? new Uint8Array(), disassembler);
  const linear = ({ address }: Instruction) => block.csBase + address;
  const after = (instruction: Instruction) => linear(instruction) + BigInt(instruction.length);
  const last = instructions.at(-1);
  const [operand] = last?.operands ?? [];
  return {
    end: last && {
      linear: linear(last),
      text: last.text,
      flow: last.flow,
      target: operand?.kind === 'branch' ? block.csBase + operand.target : undefined,
      after: after(last),
    },
    starts: new Set(instructions.slice(1).map(linear)),
    repeats: instructions
      .filter((instruction) => isRepeatedString(instruction, block.bitness))
      .map((each) => ({ linear: linear(each), next: after(each), text: each.text })),
  };
}

/** Up to and with the first instruction that is not followed by the next one. */
function straightLine(block: Block, bytes: Uint8Array, disassembler: Disassembler): Instruction[] {
  const instructions: Instruction[] = [];
  for (let done = 0; done < bytes.length;) {
    const more = disassembler.decode(bytes.subarray(done), {
      bitness: block.bitness,
      address: block.linear - block.csBase + BigInt(done),
      limit: DECODED_AT_ONCE,
    });
    const ends = more.findIndex(({ flow }) => flow !== 'next');
    instructions.push(...(ends < 0 ? more : more.slice(0, ends + 1)));
    if (ends >= 0) break;
    done += more.reduce((sum, { length }) => sum + length, 0);
  }
  return instructions;
}
