/** The header of a trace: what was captured, where, with what. JSON in the file; addresses are hexadecimal text there. */
import * as z from 'zod';
import { hex } from '../bits/hex.ts';
import { MIB } from '../bits/align.ts';
import { TraceHeaderError } from './trace-errors.ts';

/** Where the header's JSON begins in the file; what its errors point at. */
export const HEADER_POSITION = 24;
/** Memory that a header may say the image takes. */
const MAX_IMAGE_MEMORY_BYTES = 512 * MIB;

const text = z.string().max(4096);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');
const sizeBytes = z.int().nonnegative();

const physical = z.codec(
  z.string().regex(/^0x[0-9a-f]{1,13}$/, 'expected a physical address such as 0x03e00000'),
  z.int().nonnegative(),
  { decode: Number, encode: (value) => hex(value) },
);
const linear = z.codec(
  z.string().regex(/^0x(1[0]{16}|[0-9a-f]{1,16})$/, 'expected a linear address such as 0xffff82d040200000'),
  z.bigint(),
  { decode: BigInt, encode: (value) => hex(value) },
);

const segment = z
  .object({
    physicalAddress: physical.describe('Where its bytes were loaded.'),
    imageOffset: sizeBytes.describe('Where they are in the image file.'),
    fileSizeBytes: sizeBytes,
    memorySizeBytes: sizeBytes.describe('What lies beyond the bytes of the file was zeroed by the loader.'),
  })
  .refine(
    (it) => it.memorySizeBytes >= it.fileSizeBytes,
    'a segment has more bytes in the file than in memory',
  );

const change = z.object({
  imageOffset: sizeBytes,
  bytes: z.string().regex(/^([0-9a-f]{2}){1,1024}$/, 'expected bytes as hexadecimal digits'),
});

const subject = z.object({
  name: text,
  imageSha256: sha256.describe('Of the image file, unpacked where it was compressed.'),
  changes: z
    .array(change)
    .max(1024)
    .default([])
    .describe(
      'What was another in the image that was booted: the relocatable header tag that forces a base.',
    ),
  imageSizeBytes: sizeBytes.max(MAX_IMAGE_MEMORY_BYTES).describe('Of the image file.'),
  linkBase: physical,
  loadBase: physical,
  segments: z
    .array(segment)
    .max(1024)
    .refine(
      (all) => all.reduce((sum, it) => sum + it.memorySizeBytes, 0) <= MAX_IMAGE_MEMORY_BYTES,
      'the segments take more than 512 MiB of memory',
    ),
});

const insideRange = z
  .object({ start: linear, end: linear.describe('First address past it.'), what: text })
  .refine((it) => it.start < it.end, 'a range ends before it starts');

/** Unknown fields are left out: a later minor version may add some. */
const traceHeader = z.object({
  schema: z.literal('loadbase.trace/1'),
  instance: text.describe('e.g. xen-early-boot~efi~base-0x03e00000'),
  firmware: text.describe('e.g. efi'),
  subject,
  inside: z.array(insideRange).max(1024).describe('Linear addresses; what runs elsewhere is an excursion.'),
  accelerator: z.enum(['tcg', 'kvm']).describe('Whose CPU was recorded: QEMU’s own, or the host’s.'),
  way: z.enum(['log', 'step']).describe('Told by QEMU’s own log, or by stepping through the gdbstub.'),
  tools: z.array(z.object({ name: text, version: text, sha256: sha256.nullable() })).max(256),
  capturedAt: z.iso.datetime(),
});

/** Physical addresses are numbers, linear ones bigints. */
export type TraceHeader = z.output<typeof traceHeader>;

/** @throws TraceHeaderError where the header does not fit its schema. */
export function encodeTraceHeader(header: TraceHeader): Uint8Array {
  const encoded = z.safeEncode(traceHeader, header);
  if (!encoded.success) throw headerError(encoded.error);
  return new TextEncoder().encode(JSON.stringify(encoded.data));
}

/** @throws TraceHeaderError where the bytes are no JSON text in UTF-8, or do not fit the schema. */
export function parseTraceHeader(bytes: Uint8Array): TraceHeader {
  const decoded = z.safeDecode(traceHeader, parseJson(bytes) as z.input<typeof traceHeader>);
  if (!decoded.success) throw headerError(decoded.error);
  return decoded.data;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TraceHeaderError('it is no JSON text', HEADER_POSITION, { cause });
  }
}

function headerError(error: z.ZodError): TraceHeaderError {
  const [first] = error.issues;
  const path = first ? first.path.map(String).join('.') : '';
  return new TraceHeaderError(`${path || 'all of it'}: ${first?.message ?? 'unknown'}`, HEADER_POSITION, {
    cause: error,
  });
}
