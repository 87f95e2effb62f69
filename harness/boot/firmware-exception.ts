/**
 * What OVMF says of an exception that nobody handles, before it stops for ever.
 * Source: edk2 UefiCpuPkg/Library/CpuExceptionHandlerLib (CpuExceptionCommon.c, X64/ArchExceptionHandler.c).
 */
import type { Landmark } from '../serial/landmark.ts';

export interface FirmwareException {
  /** Number of the exception, e.g. 6 for #UD. */
  readonly vector: number;
  /** In the firmware's words: `#UD - Invalid Opcode`. */
  readonly description: string;
  readonly pc: bigint | undefined;
  /** The firmware image that the PC is in, by its debug file name, and where it was loaded. */
  readonly image: { readonly name: string; readonly base: bigint | undefined } | undefined;
}

/** Any phase: firmware runs before, below and, with boot services kept, after the loader. UEFI only. */
export const EXCEPTION_LANDMARKS: readonly Landmark[] = [
  { name: 'firmware exception', phase: 'any', pattern: /^!!!! (?:X64|IA32) Exception Type - [0-9A-F]{2}\(/ },
  {
    name: 'firmware exception told',
    phase: 'any',
    pattern: /^!!!! (?:Find image based on IP|Can't find image)/,
  },
];

const HEADER = /^!!!! (?:X64|IA32) Exception Type - ([0-9A-F]{2})\((.*?)\) /m;
const POINTER = /^[RE]IP +- ([0-9A-F]+)/m;
const IMAGE = /^!!!! Find image based on IP\(0x[0-9A-F]+\) (.*?)(?: \(ImageBase=([0-9A-F]+)[,)]|$)/m;

/** @param consoleText cleaned lines joined with \n. The first exception counts; the others follow from it. */
export function parseFirmwareException(consoleText: string): FirmwareException | undefined {
  const header = HEADER.exec(consoleText);
  if (!header) return undefined;
  const rest = consoleText.slice(header.index);
  const next = rest.slice(1).search(/^!!!! (?:X64|IA32) Exception Type/m);
  // OVMF breaks lines of its own where a terminal is 80 columns wide.
  const told = next < 0 ? rest : rest.slice(0, next + 1);
  const pointer = POINTER.exec(told)?.[1];
  const pc = pointer === undefined ? undefined : BigInt(`0x${pointer}`);
  return {
    vector: Number.parseInt(header[1] ?? '0', 16),
    description: header[2] ?? '',
    pc,
    image: parseImage(told, pc),
  };
}

const PAGE = 0x1000n;

/**
 * The handler looks downwards for whatever resembles a PE header, so code that is in no image gets one, too: a base that
 * no image can have tells.
 */
function parseImage(text: string, pc: bigint | undefined): FirmwareException['image'] {
  const [, path = '', baseText] = IMAGE.exec(text) ?? [];
  if (baseText === undefined) return path === '' ? undefined : { name: baseName(path), base: undefined };
  const base = BigInt(`0x${baseText}`);
  if (base % PAGE !== 0n || (pc !== undefined && base > pc)) return undefined;
  return { name: path.trim() === '(No PDB)' ? 'an image without a name' : baseName(path), base };
}

/** The path is that of the machine which built the firmware. */
function baseName(path: string): string {
  return path.trim().split(/[/\\]/).at(-1) ?? '';
}
