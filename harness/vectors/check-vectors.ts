/** A file of vectors → how many pass, and what is wrong with the others. */
import type { Disassembler } from '../x86/disassembler.ts';
import { jsonList, VectorFileError } from './json-list.ts';
import { VectorRunner } from './run-vector.ts';
import type { MalformedVector } from './vector.ts';
import { isMalformed, parseVector } from './vector-schema.ts';

export interface VectorFailure {
  /** From 0. */
  readonly index: number;
  readonly name: string;
  readonly differences: readonly string[];
}

export interface VectorCounts {
  readonly passed: number;
  readonly failed: number;
}

/** Malformed entries that an error names. */
const MOST_NAMED = 20;

/**
 * Runs all of a JSON list of vectors, with one at a time in memory.
 * @param what names the file in errors
 * @throws VectorFileError where it is no such list, or entries are malformed; the others were run by then
 */
export async function checkVectors(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  what: string,
  disassembler: Disassembler,
  onFailure: (failure: VectorFailure) => void,
): Promise<VectorCounts> {
  const runner = new VectorRunner(disassembler);
  const malformed: MalformedVector[] = [];
  let [passed, failed, index] = [0, 0, 0];
  for await (const json of jsonList(source, what)) {
    const vector = parseVector(json, index);
    if (isMalformed(vector)) malformed.push(vector);
    else {
      const differences = runner.run(vector);
      if (differences.length === 0) passed++;
      else {
        failed++;
        onFailure({ index, name: vector.name, differences });
      }
    }
    index++;
  }
  if (malformed.length > 0) throw malformedError(malformed, what);
  return { passed, failed };
}

function malformedError(malformed: readonly MalformedVector[], what: string): VectorFileError {
  const lines = malformed.slice(0, MOST_NAMED).map(({ index, name, path, message }) => {
    const where = path === '' ? '' : `${path}: `;
    return `  entry ${index}${name === undefined ? '' : ` (${JSON.stringify(name)})`}: ${where}${message}`;
  });
  const more = malformed.length - lines.length;
  const count = malformed.length === 1 ? 'one entry is' : `${malformed.length} entries are`;
  return new VectorFileError(
    [`${what}: ${count} malformed:`, ...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n'),
  );
}
