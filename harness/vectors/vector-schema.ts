/** Entries of a vector file as JSON → vectors (DESIGN, "The model"). */
import * as z from 'zod';
import type { MalformedVector, Vector } from './vector.ts';
import { SEGMENTS_WITH_BASES, vectorRegister } from './vector-registers.ts';

const LONGEST_BYTES = 64;
const MAX_MEMORY_BYTES = 65_536;

/** Decimal or `0x…`, as a string or a number; unsigned. */
function unsigned(bits: number) {
  return z.unknown().transform((given, context): bigint => {
    const value = numberOf(given);
    if (value !== undefined && value < 1n << BigInt(bits)) return value;
    const shown = JSON.stringify(given)?.slice(0, 40) ?? 'nothing';
    context.addIssue({
      code: 'custom',
      message: `expected an unsigned number of ${bits} bits, decimal or "0x…", found ${shown}`,
    });
    return z.NEVER;
  });
}

function numberOf(given: unknown): bigint | undefined {
  if (typeof given === 'number') return Number.isSafeInteger(given) && given >= 0 ? BigInt(given) : undefined;
  if (typeof given !== 'string' || !/^(?:0x[0-9a-f]{1,16}|\d{1,20})$/i.test(given)) return undefined;
  return BigInt(given);
}

const small = (bits: number) => unsigned(bits).transform(Number);

const address = unsigned(64);
const memory = z
  .array(z.tuple([address, small(8)]))
  .max(MAX_MEMORY_BYTES)
  .default([]);

/** @param bitsOf undefined where the name is none */
function byName(bitsOf: (name: string) => number | undefined, what: string) {
  return z
    .record(z.string(), z.unknown())
    .transform((given, context) => {
      const values = new Map<string, bigint>();
      for (const [name, value] of Object.entries(given)) {
        const bits = bitsOf(name);
        const number = bits === undefined ? undefined : numberOf(value);
        if (bits !== undefined && number !== undefined && number < 1n << BigInt(bits))
          values.set(name, number);
        else
          context.addIssue({
            code: 'custom',
            path: [name],
            message: bits === undefined ? `is no ${what}` : `expected an unsigned number of ${bits} bits`,
          });
      }
      return values;
    })
    .prefault({});
}

const registers = byName((name) => vectorRegister(name)?.bits, 'register (16-, 32- or 64-bit name)');
const bases = byName(
  (name) => ((SEGMENTS_WITH_BASES as readonly string[]).includes(name) ? 64 : undefined),
  'segment register',
);

const entrySchema = z.object({
  name: z.string().max(1000),
  mode: z.union([z.literal(16), z.literal(32), z.literal(64)], { error: 'expected 16, 32 or 64' }),
  bytes: z
    .string()
    .regex(/^(?:[0-9a-f]{2}\s*)+$/i, 'expected pairs of hexadecimal digits')
    .transform((digits) => Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex')))
    .refine((bytes) => bytes.length <= LONGEST_BYTES, `more than ${LONGEST_BYTES} bytes are no instruction`),
  initial: z.strictObject({ regs: registers, ram: memory, segs: bases }),
  final: z.strictObject({
    regs: registers,
    ram: memory,
    exception: z.strictObject({ vector: small(8), errorCode: small(32).exactOptional() }).exactOptional(),
  }),
  undefinedFlags: small(32).default(0),
});

/** @param index of the entry in its file, from 0 */
export function parseVector(json: unknown, index: number): Vector | MalformedVector {
  const parsed = entrySchema.safeParse(json);
  if (!parsed.success) return malformed(parsed.error, json, index);
  const { name, mode, bytes, initial, final, undefinedFlags } = parsed.data;
  return {
    ...{ name, bitness: mode, bytes, undefinedFlags },
    initial: { registers: initial.regs, memory: initial.ram, bases: initial.segs },
    final: {
      registers: final.regs,
      memory: final.ram,
      ...(final.exception && { exception: final.exception }),
    },
  };
}

export function isMalformed(entry: Vector | MalformedVector): entry is MalformedVector {
  return 'message' in entry;
}

function malformed(error: z.ZodError, json: unknown, index: number): MalformedVector {
  const [issue] = error.issues;
  const name: unknown = typeof json === 'object' && json !== null && 'name' in json ? json.name : undefined;
  return {
    index,
    name: typeof name === 'string' ? name : undefined,
    path: issue?.path.join('.') ?? '',
    message: issue?.message ?? 'is no vector',
  };
}
