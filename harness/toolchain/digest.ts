import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** What a cache key may be made of: values whose text form does not depend on chance. */
export type KeyValue = string | number | boolean | null | readonly KeyValue[] | KeyInputs;
export interface KeyInputs {
  readonly [name: string]: KeyValue;
}

/** Above this a file is hashed as a stream, so that memory stays small. */
const STREAM_ABOVE_BYTES = 1024 * 1024;

/** SHA-256 of `data` as 64 lower-case hexadecimal digits. */
export function digestOfBytes(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 of the inputs' canonical text: the order in which properties were written does not matter. */
export function digestOfInputs(inputs: KeyInputs): string {
  return digestOfBytes(canonicalText(inputs));
}

/**
 * SHA-256 of a file's bytes.
 * @param sizeBytes chooses between one read and a stream.
 * @throws NodeJS.ErrnoException where the file cannot be read.
 */
export async function digestOfFile(path: string, sizeBytes: number): Promise<string> {
  if (sizeBytes <= STREAM_ABOVE_BYTES) return digestOfBytes(await readFile(path));
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: STREAM_ABOVE_BYTES }), hash);
  return hash.digest('hex');
}

function canonicalText(value: KeyValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalText).join(',')}]`;
  const properties = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${properties.map(([name, inner]) => `${JSON.stringify(name)}:${canonicalText(inner)}`).join(',')}}`;
}

function isList(value: readonly KeyValue[] | KeyInputs): value is readonly KeyValue[] {
  return Array.isArray(value);
}
