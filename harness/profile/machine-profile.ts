/**
 * A machine as early boot meets it: what firmware, boot loader and CPU give. Made of captured boots by
 * scripts/promote-machine.ts, kept as JSON; addresses and bytes are hexadecimal text there.
 */
import * as z from 'zod';
import { decodeHex, encodeHex, hex } from '../bits/hex.ts';
import { STATE_FIELDS } from '../x86/state/state-layout.ts';

/** The text is no machine profile. */
export class MachineProfileError extends Error {
  override readonly name = 'MachineProfileError';
  constructor(problem: string, options?: ErrorOptions) {
    super(`machine profile: ${problem}; make it again with npm run promote-machine`, options);
  }
}

const text = z.string().max(4096);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');

const number = z.codec(
  z.string().regex(/^0x[0-9a-f]{1,13}$/, 'expected a number such as 0x03e00000'),
  z.int().nonnegative(),
  { decode: Number, encode: (value) => hex(value, 1) },
);
const wide = z.codec(
  z.string().regex(/^0x[0-9a-f]{1,16}$/, 'expected at most 64 bits such as 0x9fea0300'),
  z.bigint().nonnegative(),
  { decode: BigInt, encode: (value) => hex(value, 1) },
);
const bytes = z.codec(
  z.string().regex(/^([0-9a-f]{2})*$/, 'expected bytes as hexadecimal digits'),
  z.instanceof(Uint8Array<ArrayBufferLike>),
  { decode: decodeHex, encode: encodeHex },
);
const fieldName = z.enum(STATE_FIELDS.map(({ name }) => name));
const memoryRun = z.object({ address: number, bytes });

const provenance = z.object({
  traces: z
    .array(z.object({ instance: text, sha256, capturedAt: z.iso.datetime(), loadBase: number }))
    .min(1),
  tools: z.array(z.object({ name: text, version: text, sha256: sha256.nullable() })),
  madeAt: z.iso.datetime(),
  again: text.describe('The commands that make it again.'),
  notes: z.array(text).describe('What is not as it was captured, in words.'),
});

/** What of the entry state is another at another base, and how. */
const RULES = ['entry point', 'last byte before the image'] as const;

const entry = z.object({
  fields: z.partialRecord(fieldName, wide).describe('Fields of the CPU state; one that is absent is 0.'),
  rules: z.partialRecord(fieldName, z.enum(RULES)),
});

/** Tags that GRUB makes of the image, its command line and its place: 0, 1, 2, 9 and 21. */
const BUILT_TAGS = [0, 1, 2, 9, 21] as const;

const bootInformation = z.object({
  address: number,
  commandLine: text,
  loaderName: text,
  tags: z
    .array(
      z
        .object({ type: z.int().nonnegative(), payload: bytes.optional() })
        .refine(
          ({ type, payload }) => isBuiltTag(type) === (payload === undefined),
          'a tag that is made for each boot has a payload, or another has none',
        ),
    )
    .describe('In the order of the loader; the payload follows type and size.'),
});

const cpu = z.object({
  cpuid: z.array(
    z.object({
      leaf: number,
      subleaf: number,
      answers: z.array(z.tuple([number, number, number, number])).min(1),
    }),
  ),
  modelSpecific: z.array(z.object({ index: number, answers: z.array(wide).min(1) })),
  ports: z.array(z.object({ port: number, sizeBytes: z.int(), answers: z.array(number).min(1) })),
  timestamps: z.array(z.object({ loadBase: number, answers: z.array(wide) })).min(1),
});

/** What a pointer of a firmware call stands in. */
const THROUGH = [
  ...['argument 1', 'argument 2', 'argument 3', 'argument 4', 'argument 5', 'argument 6'],
  ...['es:di', 'ds:si', 'es:bx', 'memory'],
] as const;

const write = z.object({
  through: z.enum(THROUGH),
  at: number.describe('Bytes from where the pointer points; with `memory`: an address.'),
  bytes,
  moved: z.array(z.int()).optional().describe('Where in the bytes 64-bit addresses within the image stand.'),
});

const reply = z.object({
  question: text,
  registers: z.array(
    z.object({
      name: fieldName,
      bits: z.union([z.literal(16), z.literal(32), z.literal(64)]),
      value: wide,
      isMoved: z.boolean().optional().describe('An address within the image.'),
    }),
  ),
  flags: z.object({ value: number, mask: number }),
  writes: z.array(write),
});

export const TABLE_KINDS = ['system', 'boot', 'runtime', 'textOutput', 'graphicsOutput', 'pciIo'] as const;

const machineProfile = z.object({
  schema: z.literal('loadbase.machine/1'),
  name: text,
  firmware: z.enum(['bios', 'efi']),
  accelerator: z.enum(['tcg', 'kvm']).describe('Whose CPU was recorded.'),
  provenance,
  captured: z
    .object({ imageSha256: sha256, linkBase: number, loadBase: number, loadSizeBytes: number })
    .describe('The image that was booted: addresses within it move with it.'),
  entry,
  bootInformation,
  memory: z.array(memoryRun).describe('Else outside the image, as the loader leaves it.'),
  identityMap: z
    .object({ pointerTable: number, directories: z.array(number).length(4) })
    .optional()
    .describe('The firmware’s page tables below 4 GiB, large pages; what is not in `memory` maps 1:1.'),
  tables: z
    .array(z.object({ kind: z.enum(TABLE_KINDS), address: number }))
    .describe('UEFI tables and protocol interfaces.'),
  cpu,
  replies: z.array(reply).describe('Of the firmware, in the order of the calls.'),
  occupied: z
    .array(z.object({ start: number, end: number.describe('First address past it.'), what: text }))
    .describe('Where an image cannot be loaded with this machine.'),
});

export type MachineProfile = z.output<typeof machineProfile>;
export type FirmwareReply = MachineProfile['replies'][number];
export type ReplyWrite = FirmwareReply['writes'][number];
export type ReplyRegister = FirmwareReply['registers'][number];
export type Through = (typeof THROUGH)[number];
export type TableKind = (typeof TABLE_KINDS)[number];

export function isBuiltTag(type: number): boolean {
  return (BUILT_TAGS as readonly number[]).includes(type);
}

/** @param json the file's text @throws MachineProfileError */
export function parseMachineProfile(json: string): MachineProfile {
  const decoded = z.safeDecode(machineProfile, parseJson(json) as z.input<typeof machineProfile>);
  if (!decoded.success) throw profileError(decoded.error);
  return decoded.data;
}

/** @returns JSON text @throws MachineProfileError */
export function encodeMachineProfile(profile: MachineProfile): string {
  const encoded = z.safeEncode(machineProfile, profile);
  if (!encoded.success) throw profileError(encoded.error);
  return `${JSON.stringify(encoded.data, undefined, 1)}\n`;
}

/** Whether an image at [start, end) leaves all of the machine's memory alone. */
export function leavesAlone({ occupied }: MachineProfile, start: number, end: number): boolean {
  return occupied.every((range) => end <= range.start || start >= range.end);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new MachineProfileError('it is no JSON text', { cause });
  }
}

function profileError(cause: z.ZodError): MachineProfileError {
  const [first] = cause.issues;
  const path = first ? first.path.map(String).join('.') : '';
  return new MachineProfileError(`${path || 'all of it'}: ${first?.message ?? 'unknown'}`, { cause });
}
