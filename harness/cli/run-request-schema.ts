/** request.json as it is read back. A module of its own because zod takes a while to load. */
import * as z from 'zod';
import { ANEW, ResumeError } from '../scenario/resumption.ts';
import type { RecordedOptions, RunRequestRecord } from './run-request.ts';

const count = z.int().positive();
const text = z.string().min(1);

/** One entry for each option: one that is missing here is an error of types. */
const OPTIONS = {
  scenario: z.array(text).readonly().exactOptional(),
  firmware: z
    .array(z.enum(['bios', 'efi']))
    .readonly()
    .exactOptional(),
  base: z
    .array(z.union([z.literal('all'), z.int().nonnegative().max(0xffff_ffff)]))
    .readonly()
    .exactOptional(),
  memory: count.exactOptional(),
  repeat: count.exactOptional(),
  grubSrc: text,
  xenSrc: text,
  grubPatches: text.exactOptional(),
  xenPatches: text.exactOptional(),
  xen: text.exactOptional(),
  kernel: text.exactOptional(),
  expect: text.refine(isExpression, 'is no regular expression').exactOptional(),
  arguments: z.string().exactOptional(),
  accel: z.enum(['auto', 'tcg', 'kvm']),
  jobs: count,
  timeout: z.number().positive(),
  cold: z.boolean().exactOptional(),
} satisfies Record<keyof RecordedOptions, z.ZodType>;

const requestSchema = z.strictObject({
  schema: z.literal('loadbase.request/1'),
  runId: text,
  globs: z.array(text).readonly(),
  options: z.strictObject(OPTIONS),
  instancesSha256: z.string().regex(/^[0-9a-f]{64}$/),
});

function isExpression(source: string): boolean {
  try {
    return new RegExp(source) instanceof RegExp;
  } catch {
    return false;
  }
}

/** @param path to be named in an error. @throws ResumeError */
export function parseRunRequest(json: unknown, path: string): RunRequestRecord {
  const parsed = requestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'the whole';
  throw new ResumeError(`${path} is no loadbase.request/1 file: ${where}: ${issue?.message ?? ''}; ${ANEW}`);
}
