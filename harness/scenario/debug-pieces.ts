/** What a debugger session needs of a planned instance: its payload, its driver, and gdb's arguments. */
import { hex } from '../bits/hex.ts';
import type { LoaderReport } from '../grub/console.ts';
import type { Payload } from '../image/payload.ts';
import type { Artifacts } from './artifacts.ts';
import { loadBaseOf, type InstanceDriver } from './instance-driver.ts';
import { driverOf, payloadOf, subjectFacts } from './instance-pieces.ts';
import type { ReadyInstance } from './plan.ts';
import type { Subject } from './subject.ts';

export interface DebugPieces {
  readonly driver: InstanceDriver;
  readonly payload: Payload;
  readonly loadBase: (report: LoaderReport) => number;
}

export function bootPieces(planned: ReadyInstance, { disassembler }: Artifacts): DebugPieces {
  const facts = subjectFacts(planned);
  return {
    driver: driverOf(planned, disassembler, facts),
    payload: payloadOf(planned, facts),
    loadBase: (report) => loadBaseOf(report, facts),
  };
}

export interface GdbRequest {
  readonly gdbSocket: string;
  readonly loadBase: number;
  readonly subject: Subject;
}

/**
 * gdb's argv: connected, with the symbols twice: where the image is now (32-bit early boot runs at physical addresses)
 * and at the high addresses it is linked at. The offset is a 64-bit difference and wraps.
 */
export function gdbArguments({ gdbSocket, loadBase, subject }: GdbRequest): string[] {
  const symbols =
    subject.symbols && subject.symbolsPath !== undefined
      ? [
          ...['-ex', `symbol-file ${gdbWord(subject.symbolsPath)}`],
          ...[
            '-ex',
            `add-symbol-file ${gdbWord(subject.symbolsPath)} -o ${hex(symbolOffset(subject, loadBase))}`,
          ],
        ]
      : [];
  // Without an executable gdb would guess the architecture from the CPU mode, and QEMU always sends 64-bit registers.
  return [
    '-q',
    '-ex',
    'set confirm off',
    '-ex',
    'set architecture i386:x86-64',
    ...symbols,
    '-ex',
    `target remote ${gdbSocket}`,
  ];
}

/** One word of a gdb command (gdb manual, "Command Syntax": as the shell's, with backslashes). */
function gdbWord(text: string): string {
  return text.replaceAll(/[\s'"\\]/g, '\\$&');
}

/** Load address − linked address, modulo 2^64. */
export function symbolOffset({ image, symbols }: Subject, loadBase: number): bigint {
  const linked = (symbols?.virtualStart ?? 0n) + BigInt(image.loaded.linkBase);
  return BigInt.asUintN(64, BigInt(loadBase) - linked);
}
