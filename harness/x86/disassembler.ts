/**
 * The one adapter over iced-x86. Its objects live in WebAssembly memory and must be freed by hand: they are made and
 * freed within one call here and never leave it. Loading is asynchronous, the one exception in this room, because the
 * module reads and compiles 0.8 MB of WebAssembly: whoever decodes nothing shall not pay for it.
 */
import type { ExecutableInstruction, Flow, Instruction } from './instruction.ts';
import { type Iced, type IcedInstruction, readOperand } from './operands.ts';
import { type Usage, usageOf } from './usage.ts';

export interface DecodeOptions {
  /** Default operand and address size of the code segment. */
  readonly bitness: 16 | 32 | 64;
  /** Of the first byte; in 16- and 32-bit code an offset in the code segment. */
  readonly address: bigint;
  /** At most so many instructions; left out, to the end of the bytes. */
  readonly limit?: number;
}

/** Intel SDM 2A §2.3.11: longer ones raise #GP. */
const LONGEST_INSTRUCTION = 15;

const FLOWS: Readonly<Record<keyof Iced['FlowControl'], Flow>> = {
  Next: 'next',
  UnconditionalBranch: 'jump',
  IndirectBranch: 'jump',
  ConditionalBranch: 'conditional',
  Return: 'return',
  Call: 'call',
  IndirectCall: 'call',
  Interrupt: 'interrupt',
  XbeginXabortXend: 'other',
  Exception: 'other',
};

/** Loads the decoder; later calls share the module. */
export async function loadDisassembler(): Promise<Disassembler> {
  return new Disassembler(await import('iced-x86'));
}

export class Disassembler {
  readonly #iced: Iced;

  constructor(iced: Iced) {
    this.#iced = iced;
  }

  /**
   * Decodes one instruction after the other. A byte that begins no instruction gives `(bad)` of length 1 and decoding
   * goes on behind it; an instruction that the end of the bytes cuts gives `(cut short)` and is the last.
   */
  decode(bytes: Uint8Array, options: DecodeOptions): Instruction[] {
    const { bitness, address, limit = Infinity } = options;
    const window = bytes.subarray(0, Math.min(bytes.length, limit * LONGEST_INSTRUCTION));
    const iced = this.#iced;
    const decoder = new iced.Decoder(bitness, window, iced.DecoderOptions.None);
    const decoded = new iced.Instruction();
    const formatter = attFormatter(iced);
    try {
      decoder.ip = address;
      const instructions: Instruction[] = [];
      while (decoder.canDecode && instructions.length < limit) {
        const start = decoder.position;
        decoder.decodeOut(decoded);
        const place = { address: BigInt.asUintN(64, address + BigInt(start)), bytes: window, start };
        if (decoder.lastError === iced.DecoderError.None) {
          instructions.push(valid(iced, decoded, formatter.format(decoded), place));
        } else if (decoder.lastError === iced.DecoderError.NoMoreBytes) {
          instructions.push(invalid('(cut short)', place, window.length - start));
          break;
        } else {
          instructions.push(invalid('(bad)', place, 1));
          decoder.position = start + 1;
          decoder.ip = BigInt.asUintN(64, place.address + 1n);
        }
      }
      return instructions;
    } finally {
      formatter.free();
      decoded.free();
      decoder.free();
    }
  }

  /** @returns the first instruction, as if at address 0; undefined where the bytes begin with none. */
  decodeExecutable(bytes: Uint8Array, bitness: 16 | 32 | 64): ExecutableInstruction | undefined {
    return this.#first(bytes, bitness, (decoded) => executable(this.#iced, decoded));
  }

  /** @returns what the first instruction reads and writes; undefined where the bytes begin with none. */
  usage(bytes: Uint8Array, bitness: 16 | 32 | 64): Usage | undefined {
    const factory = new this.#iced.InstructionInfoFactory();
    try {
      return this.#first(bytes, bitness, (decoded) => usageOf(this.#iced, factory, decoded));
    } finally {
      factory.free();
    }
  }

  #first<T>(
    bytes: Uint8Array,
    bitness: 16 | 32 | 64,
    describe: (decoded: IcedInstruction) => T,
  ): T | undefined {
    const iced = this.#iced;
    const decoder = new iced.Decoder(bitness, bytes, iced.DecoderOptions.None);
    const decoded = new iced.Instruction();
    try {
      decoder.ip = 0n;
      decoder.decodeOut(decoded);
      return decoder.lastError === iced.DecoderError.None ? describe(decoded) : undefined;
    } finally {
      decoded.free();
      decoder.free();
    }
  }
}

interface Place {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly start: number;
}

function valid(iced: Iced, decoded: IcedInstruction, text: string, place: Place): Instruction {
  return {
    ...common(iced, decoded),
    address: place.address,
    bytes: place.bytes.slice(place.start, place.start + decoded.length),
    text,
  };
}

function common(iced: Iced, decoded: IcedInstruction) {
  const flowName = iced.FlowControl[decoded.flowControl] as keyof Iced['FlowControl'];
  return {
    length: decoded.length,
    mnemonic: (iced.Mnemonic[decoded.mnemonic] ?? '').toLowerCase(),
    flow: FLOWS[flowName],
    operands: Array.from({ length: decoded.opCount }, (_, index) => readOperand(iced, decoded, index)),
  };
}

function executable(iced: Iced, decoded: IcedInstruction): ExecutableInstruction {
  const { hasRepPrefix, hasRepnePrefix, hasLockPrefix, stackPointerIncrement } = decoded;
  return {
    ...common(iced, decoded),
    code: iced.Code[decoded.code] ?? '',
    repeat: hasRepPrefix ? 'rep' : hasRepnePrefix ? 'repne' : undefined,
    lock: hasLockPrefix,
    stackGrowth: stackPointerIncrement,
  };
}

function invalid(text: string, { address, bytes, start }: Place, length: number): Instruction {
  return {
    address,
    length,
    bytes: bytes.slice(start, start + length),
    text,
    mnemonic: text,
    flow: 'other',
    operands: [],
  };
}

/** Set to print what objdump and gdb print; but with `alwaysShowScale` iced 1.21 writes `(%esi,)` where there is no index. */
function attFormatter(iced: Iced): InstanceType<Iced['Formatter']> {
  const formatter = new iced.Formatter(iced.FormatterSyntax.Gas);
  formatter.uppercaseHex = false;
  formatter.smallHexNumbersInDecimal = false;
  formatter.branchLeadingZeros = false;
  formatter.ripRelativeAddresses = true;
  return formatter;
}
