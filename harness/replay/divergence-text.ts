/** A divergence as somebody reads it: where, what, and how it came there. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { STATE_FIELDS } from '../x86/state/state-layout.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import type { Disagreement, Divergence, FieldDifference, Place } from './divergence.ts';

/** Names for addresses; either may know none. */
export interface PlaceNames {
  /** e.g. `trampoline_setup+0x1c`. */
  readonly symbol: (linear: bigint) => string | undefined;
  /** e.g. `arch/x86/boot/head.S:512`. */
  readonly sourceLine: (linear: bigint) => string | undefined;
}

export const NO_NAMES: PlaceNames = { symbol: () => undefined, sourceLine: () => undefined };

/** Lines without their ends. Names come unescaped from the image. */
export function divergenceText(
  { at, disagreement, before }: Divergence,
  disassembler: Disassembler,
  names: PlaceNames = NO_NAMES,
): string[] {
  const source = names.sourceLine(at.linear);
  const places = [...before, at].map((place) => placeRow(place, disassembler, names));
  const widths = [0, 1].map((column) => Math.max(...places.map((row) => row[column]!.length)));
  const rows = places.map(
    ([where, bytes, text]) => `${where!.padEnd(widths[0]!)}  ${bytes!.padEnd(widths[1]!)}  ${text}`,
  );
  return [
    `step ${at.step}, ${hex(at.linear)}${symbolText(at.linear, names)}${source === undefined ? '' : `, ${source}`}`,
    ...disagreementText(disagreement).map((line) => `  ${line}`),
    `the ${before.length === 0 ? 'step' : `last ${before.length} steps before it, and it`}:`,
    ...rows.map((row, index) => `${index === rows.length - 1 ? '=>' : '  '} ${row}`),
  ];
}

function placeRow(
  { step, linear, bitness, bytes }: Place,
  disassembler: Disassembler,
  names: PlaceNames,
): string[] {
  const [instruction] = disassembler.decode(bytes, { bitness, address: linear, limit: 1 });
  const where = `${step}  ${hex(linear)}${symbolText(linear, names)}`;
  return instruction
    ? [where, encodeHex(instruction.bytes), instruction.text]
    : [where, '', '(not mapped any more)'];
}

function symbolText(linear: bigint, { symbol }: PlaceNames): string {
  const name = symbol(linear);
  return name === undefined ? '' : ` <${name}>`;
}

/** One line a difference. */
export function disagreementText(disagreement: Disagreement): string[] {
  switch (disagreement.kind) {
    case 'state':
      return fieldRows(disagreement.fields);
    case 'iterations':
      return [`${disagreement.expected} iterations were recorded, the model ran ${disagreement.actual}`];
    case 'stopped':
      return [`the model stopped: ${stopText(disagreement.reason)}`];
    case 'memory': {
      const { address, sizeBytes, expectedCrc32, actualCrc32 } = disagreement;
      return [
        `memory ${hex(address)} to ${hex(address + sizeBytes)}, stored to before: ` +
          `CRC-32 ${hex(expectedCrc32)} was recorded, the model's is ${hex(actualCrc32)}`,
      ];
    }
    case 'stayed':
      return [
        `control left here, according to the trace; the model goes on at ${hex(disagreement.linear)}, inside`,
      ];
  }
}

function fieldRows(fields: readonly FieldDifference[]): string[] {
  const nameWidth = Math.max(...fields.map(({ name }) => name.length));
  return fields.map(({ name, expected, actual }) => {
    const digits = STATE_FIELDS.find((field) => field.name === name)?.isWide ? 16 : 8;
    return `${name.padEnd(nameWidth)}  recorded ${hex(expected, digits)}, model ${hex(actual, digits)}${flagsText(name, expected ^ actual)}`;
  });
}

const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  ...([
    [0, 'CF'],
    [2, 'PF'],
    [4, 'AF'],
    [6, 'ZF'],
    [7, 'SF'],
    [8, 'TF'],
    [9, 'IF'],
    [10, 'DF'],
    [11, 'OF'],
  ] as const),
];

function flagsText(name: string, differing: bigint): string {
  if (name !== 'rflags') return '';
  const names = FLAG_NAMES.filter(([bit]) => (differing >> BigInt(bit)) & 1n).map(([, flag]) => flag);
  return names.length === 0 ? '' : ` (${names.join(' ')})`;
}

/** Why the model stopped, in words. */
export function stopText(reason: StopReason): string {
  switch (reason.kind) {
    case 'unknown opcode':
      return `unknown opcode ${encodeHex(reason.bytes)}${reason.mnemonic && ` (${reason.mnemonic})`} at ${hex(reason.linear)} in ${reason.bitness}-bit code`;
    case 'unknown memory':
      return `it reads ${reason.sizeBytes} bytes at ${hex(reason.physical)}, of which the trace says nothing`;
    case 'watched':
      return `${reason.what} of ${reason.sizeBytes} bytes at ${hex(reason.physical)}`;
    case 'left':
      return `control left to ${hex(reason.linear)}`;
    case 'halted':
      return 'HLT';
    case 'triple fault': {
      const code = reason.errorCode === undefined ? '' : `, error code ${hex(reason.errorCode, 1)}`;
      return `triple fault, first exception ${reason.vector}${code}`;
    }
    case 'unsupported':
      return reason.what;
    case 'limit':
      return 'its limit was reached';
  }
}
