/**
 * Where QEMU's CPU dump has what. Source: QEMU 7.2 target/i386/cpu-dump.c, x86_cpu_dump_state: in 64-bit code
 *
 *     RAX=0000000000000000 RBX=… RCX=… RDX=…          (and three such lines up to R15)
 *     RIP=0000000003ffb531 RFL=00200206 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
 *     ES =0030 0000000000000000 ffffffff 00cf9300 DPL=0 DS   [-WA]      (and CS SS DS FS GS LDT TR)
 *     GDT=     000000009f5db000 00000047              (and IDT)
 *     CR0=80010033 CR2=0000000000000000 CR3=000000009f801000 CR4=00000668
 *     DR0=… / DR6=…
 *     CCS=0000000000000004 CCD=000000009fea0300 CCO=EFLAGS              (in the log only)
 *     EFER=0000000000000d00
 *
 * and everywhere else EAX … ESP, EIP and EFL, bases, CR2 and CR3 with eight digits and without R8 … R15.
 */
import { CS, DS, ES, FS, GS, LDTR, SS, TR } from '../x86/state/state-layout.ts';

export interface DumpColumns {
  /** Digits of an address: 8 or 16. */
  readonly digits: 8 | 16;
  /** The first line's first label. */
  readonly begins: string;
  /** Of the lines before the segments, line ends included. */
  readonly headBytes: number;
  /** Where each general register's digits begin, by its number (SDM 2A §2.1.5). */
  readonly general: readonly number[];
  readonly rip: number;
  readonly rflags: number;
  readonly a20: number;
  /** What must stand where, between the columns. */
  readonly text: readonly { readonly at: number; readonly text: string }[];
}

const NUMBER_OF: Readonly<Record<string, number>> = Object.fromEntries(
  ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI'].map((name, number) => [name, number]),
);

const lines32: readonly (readonly string[])[] = [
  ['EAX', 'EBX', 'ECX', 'EDX'],
  ['ESI', 'EDI', 'EBP', 'ESP'],
];
const lines64: readonly (readonly string[])[] = [
  ['RAX', 'RBX', 'RCX', 'RDX'],
  ['RSI', 'RDI', 'RBP', 'RSP'],
  ['R8 ', 'R9 ', 'R10', 'R11'],
  ['R12', 'R13', 'R14', 'R15'],
];

function columns(
  digits: 8 | 16,
  lines: readonly (readonly string[])[],
  rip: string,
  rflags: string,
): DumpColumns {
  const general: number[] = [];
  const text: { at: number; text: string }[] = [];
  let at = 0;
  for (const labels of lines) {
    for (const [place, label] of labels.entries()) {
      text.push({ at, text: `${label}=` });
      general[NUMBER_OF[label.slice(1)] ?? Number(label.slice(1))] = at + 4;
      at += 4 + digits;
      text.push({ at, text: place === labels.length - 1 ? '\n' : ' ' });
      at++;
    }
  }
  const flags = at + 4 + digits + 1;
  const a20 = flags + ' EFL=00000000 [-------] CPL=0 II=0 A20='.length - 1;
  text.push({ at, text: `${rip}=` }, { at: flags - 1, text: ` ${rflags}=` });
  text.push({ at: flags + 12, text: ' [' }, { at: a20 - 5, text: ' A20=' });
  const headBytes = a20 + '1 SMM=0 HLT=0\n'.length;
  text.push({ at: headBytes - 1, text: '\n' });
  const begins = `${lines[0]![0]!}=`;
  return { digits, begins, headBytes, general, rip: at + 4, rflags: flags + 4, a20, text };
}

export const COLUMNS_32 = columns(8, lines32, 'EIP', 'EFL');
export const COLUMNS_64 = columns(16, lines64, 'RIP', 'RFL');

/** Labels of the segment lines, with their index in the state. */
export const SEGMENT_LABELS: Readonly<Record<string, number>> = {
  'ES =': ES,
  'CS =': CS,
  'SS =': SS,
  'DS =': DS,
  'FS =': FS,
  'GS =': GS,
  'LDT=': LDTR,
  'TR =': TR,
};
