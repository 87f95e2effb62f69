/** Instructions as lines to read, with names at their addresses and a mark at the program counter. */
import { encodeHex, hex } from '../bits/hex.ts';
import { type DecodeOptions, type Disassembler } from './disassembler.ts';
import { type Instruction } from './instruction.ts';

export interface ListingOptions {
  /** The line of the instruction at this address is marked `=>`. */
  readonly pc?: bigint;
  /** A name for an address, e.g. `__start+0x10`, shown in angle brackets. */
  readonly symbolise?: (address: bigint) => string | undefined;
}

/** One line an instruction: mark, address, name, bytes, text, name of its target. Names come unescaped from the image. */
export function listing(instructions: readonly Instruction[], options: ListingOptions = {}): string[] {
  const name = (address: bigint): string => {
    const symbol = options.symbolise?.(address);
    return symbol === undefined ? '' : ` <${symbol}>`;
  };
  const rows = instructions.map((instruction) => ({
    place: `${instruction.address === options.pc ? '=>' : '  '} ${hex(instruction.address)}${name(instruction.address)}`,
    bytes: encodeHex(instruction.bytes).replace(/..(?!$)/g, '$& '),
    text: instruction.text + targetNote(instruction, name),
  }));
  const placeWidth = Math.max(0, ...rows.map((row) => row.place.length));
  const bytesWidth = Math.max(0, ...rows.map((row) => row.bytes.length));
  return rows.map((row) => `${row.place.padEnd(placeWidth)}  ${row.bytes.padEnd(bytesWidth)}  ${row.text}`);
}

/** The name of where it jumps, or of the memory it names by address, as gdb appends it. */
function targetNote(instruction: Instruction, name: (address: bigint) => string): string {
  for (const operand of instruction.operands) {
    if (operand.kind === 'branch') return name(operand.target);
    if (operand.kind !== 'memory') continue;
    if (operand.ripRelative !== undefined)
      return `  # ${hex(operand.ripRelative)}${name(operand.ripRelative)}`;
    if (operand.base === undefined && operand.index === undefined) {
      const symbol = name(operand.displacement);
      return symbol && `  #${symbol}`;
    }
  }
  return '';
}

export interface AroundOptions extends Pick<DecodeOptions, 'bitness' | 'address'> {
  /** Where an instruction is known to begin; within the bytes. */
  readonly pc: bigint;
  /** Instructions to keep on either side. */
  readonly before: number;
  readonly after: number;
}

/**
 * Decodes bytes so that an instruction begins at the program counter. Code cannot be decoded backwards: of all starts
 * before it the first is taken from which valid instructions lead exactly there; what it shows before is likely, not sure.
 */
export function decodeAround(
  disassembler: Disassembler,
  bytes: Uint8Array,
  { bitness, address, pc, before, after }: AroundOptions,
): Instruction[] {
  const pcIndex = Number(pc - address);
  if (pcIndex < 0 || pcIndex >= bytes.length) return [];
  const leading = leadingInstructions(disassembler, bytes.subarray(0, pcIndex), { bitness, address });
  const following = disassembler.decode(bytes.subarray(pcIndex), { bitness, address: pc, limit: after + 1 });
  return [...leading.slice(Math.max(0, leading.length - before)), ...following];
}

/** Instructions that end exactly where the bytes end, from the earliest start that gives only valid ones. */
function leadingInstructions(
  disassembler: Disassembler,
  bytes: Uint8Array,
  { bitness, address }: DecodeOptions,
): Instruction[] {
  for (let start = 0; start < bytes.length; start++) {
    const chain = disassembler.decode(bytes.subarray(start), { bitness, address: address + BigInt(start) });
    if (chain.every((instruction) => !instruction.text.startsWith('('))) return chain;
  }
  return [];
}
