/**
 * The shape of results.json, checked where one comes from outside (a file given by hand, another version). A module of
 * its own because zod takes a while to load: import it only where a file is read.
 */

import * as z from 'zod';
import type { Results } from '../scenario/contract.ts';

const hexAddress = z
  .string()
  .regex(/^0x[0-9a-f]+$/, 'expected an address such as 0x03e00000')
  .nullable();
const count = z.int().nonnegative();

const checkpoint = z.object({
  name: z.string(),
  ok: z.boolean(),
  detail: z.string().describe('What was seen and what it proves; where not ok, what was expected.'),
});

const death = z
  .object({
    kind: z.enum([
      ...(['triple-fault', 'guest-reset', 'reset-or-triple-fault', 'guest-shutdown'] as const),
      ...(['firmware-exception', 'early-error', 'panic', 'tight-loop', 'halted', 'console-flood'] as const),
      ...(['firmware-hang', 'loader-error', 'loader-prompt', 'loader-hang'] as const),
      ...(['qemu-error', 'accelerator-error', 'unknown-hang'] as const),
    ]),
    text: z.string().describe('In one line: what, and where the CPU stood.'),
    lastLandmark: z.string().nullable().describe('The last console landmark that was believed.'),
    mode: z
      .string()
      .nullable()
      .describe('e.g. 32-bit, paging off, interrupts off; null where QEMU was gone.'),
    pc: hexAddress.describe('Linear address of the next instruction.'),
    place: z.string().nullable().describe('Symbol at the PC, or whose memory it is in.'),
    registers: z.record(z.string(), z.string()).readonly(),
  })
  .describe('How the machine died; only where it ended otherwise than it should.');

const instanceResult = z.object({
  name: z.string().describe('e.g. xen-early-boot~efi~base-0x03e00000'),
  scenario: z.string(),
  firmware: z.enum(['bios', 'efi']),
  base: hexAddress.describe('The load base asked for; null where GRUB chose or nothing was booted.'),
  expected: z.string().describe('The expectation in words.'),
  verdict: z
    .enum(['pass', 'fail', 'skip', 'error', 'crash', 'flaky'])
    .describe('flaky: one more result, where the repeats of an instance disagree; no boot of its own.'),
  reason: z.string().describe('One line: why this verdict.'),
  note: z
    .string()
    .exactOptional()
    .describe(
      'What a person should hear of a pass: a known defect of the subject, a known deviation of the loader.',
    ),
  durationMs: z.number().nonnegative(),
  loadBaseAddress: hexAddress.describe('Where the image was seen to be; null where it never got there.'),
  accelerator: z.string(),
  start: z
    .enum(['cold', 'fork'])
    .exactOptional()
    .describe(
      'From the machine’s reset vector, or as a fork of one that was frozen at GRUB; absent where nothing was booted.',
    ),
  checkpoints: z.array(checkpoint).readonly(),
  notPossible: z.array(z.string()).readonly().describe('Checkpoints that could not be tried, and why.'),
  evidence: z
    .record(z.string(), z.string())
    .readonly()
    .describe('Kind of evidence to path, relative to the folder of results.json.'),
  repeat: z.string().describe('One command that repeats this instance alone.'),
  death: death.exactOptional(),
  excerpt: z
    .array(z.string())
    .readonly()
    .exactOptional()
    .describe('Last console lines and code around the PC; only where the verdict is not pass or skip.'),
});

const toolRecord = z.object({
  version: z.string(),
  sha256: z.string().exactOptional(),
  path: z.string().exactOptional(),
});

const host = z.object({
  platform: z.string(),
  kernel: z.string(),
  cpu: z.string(),
  cores: count,
  memoryMib: z.number().nonnegative(),
  node: z.string(),
});

export const resultsSchema = z.object({
  schema: z.literal('loadbase.results/1'),
  runId: z.string(),
  startedAt: z.string().describe('ISO 8601'),
  finished: z.boolean().describe('false while the run goes on, or where it was cut short.'),
  host,
  tools: z.record(z.string(), toolRecord).readonly(),
  planned: count.describe('How many instances the run was asked for.'),
  instances: z.array(instanceResult).readonly(),
  totals: z.object({
    ...{ pass: count, fail: count, skip: count, error: count, crash: count },
    flaky: count.default(0).describe('Files of earlier versions have none.'),
  }),
});

/** How many faults of a file an error names. */
const ISSUES_MAX = 3;

export class ResultsFormatError extends Error {
  override readonly name = 'ResultsFormatError';
}

/**
 * A `loadbase.results/1` object, as `JSON.parse` gives it; keys the schema does not know are left out.
 * @throws ResultsFormatError naming where in the file what was expected.
 */
export function parseResults(json: unknown): Results {
  const parsed = resultsSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const shown = issues.slice(0, ISSUES_MAX).map(({ path, message }) => `${pathText(path)}: ${message}`);
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : '';
  throw new ResultsFormatError(`this is no loadbase.results/1 file: ${shown.join('; ')}${more}`);
}

/** JSON Schema (draft 2020-12) of what `parseResults` accepts; committed as docs/results.schema.json. */
export function resultsJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(resultsSchema, { io: 'input' }), title: 'loadbase.results/1' };
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text === '' ? 'the whole' : text.replace(/^\./, '');
}
