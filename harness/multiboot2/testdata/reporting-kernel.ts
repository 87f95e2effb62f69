/** A relocatable kernel that tells a loader's boot information: a header of any tags, then code of either bitness. */
import { buildElf } from '../../elf/testdata/elf-builder.ts';
import { type BuiltTag, header, MIN } from './image-builder.ts';

/** Writes the boot information that EBX points to, as many bytes as its first field says, to port 0xe9; resets. */
const REPORT = [
  '89de', // mov esi, ebx
  '8b0b', // mov ecx, [ebx]      or [rbx]
  '66bae900', // mov dx, 0xe9
  'fc f36e', // cld; rep outsb
  'b0fe e664', // mov al, 0xfe; out 0x64, al    the keyboard controller's reset
];
/** Says where the boot information is, before REPORT. */
const REPORT_PLACE = [
  '66bae900', // mov dx, 0xe9
  '89d8', // mov eax, ebx
  'ee c1e808', // out dx, al; shr eax, 8
  'ee c1e808',
  'ee c1e808',
  'ee',
];
/** Stays, so that a monitor can be asked for the state at entry. */
const STAY = ['ebfe'];

export interface ReportingKernel {
  /** Header tags; entry address tags are given as `entry` of the result: see `entryAddress`. */
  readonly tags?: readonly BuiltTag[];
  /** Adds the EFI amd64 entry tag and the boot services tag. */
  readonly keepsBootServices?: boolean;
  readonly stays?: boolean;
}

/** Bytes from the link base (0x200000) to the end of memory that the image takes. */
export const REPORTING_KERNEL_SIZE = 0x2000;

/** Prints the 4-byte physical address of the boot information, then the information. */
export function reportingKernel({ tags = [], keepsBootServices, stays }: ReportingKernel = {}): Uint8Array {
  const withEntry = (entry: number): Uint8Array =>
    header([
      ...tags,
      ...(keepsBootServices === true
        ? [
            { type: 7, optional: true },
            { type: 9, optional: true, payload: [entry] },
          ]
        : []),
    ]);
  const entry = MIN + withEntry(0).length;
  const code = Buffer.from(
    [...(stays === true ? STAY : [...REPORT_PLACE, ...REPORT, ...STAY])].join('').replaceAll(' ', ''),
    'hex',
  );
  return buildElf({
    entry: BigInt(entry),
    segments: [
      { paddr: BigInt(MIN), bytes: Buffer.concat([withEntry(entry), code]), memsz: REPORTING_KERNEL_SIZE },
    ],
    firstOffset: 0x80,
  });
}
