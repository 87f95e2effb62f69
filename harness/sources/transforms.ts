import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOfBytes } from '../toolchain/digest.ts';

/** One change of ours to somebody's source, small enough to name by a pattern. */
export interface Transform {
  /** Relative to the source's folder. */
  readonly file: string;
  /** What it does, for errors and for people. */
  readonly description: string;
  readonly pattern: RegExp | string;
  /** As for String.replace; `$1` and so on for a RegExp's groups. */
  readonly replacement: string;
  /** How often the pattern must be there; default 1. */
  readonly count?: number;
}

/** A transform found nothing, or not as often as it must. */
export class TransformNotAppliedError extends Error {
  override readonly name = 'TransformNotAppliedError';
  constructor(
    readonly file: string,
    readonly description: string,
    readonly reason: string,
  ) {
    super(
      `cannot ${description}: ${reason}. The source is not one we know how to change; ` +
        `look at ${file} in it and adapt the transform, or use Debian's source.`,
    );
  }
}

/** Changes when a transform would do something else. */
export function digestOfTransforms(transforms: readonly Transform[]): string {
  const said = transforms.map((t) => [t.file, String(t.pattern), t.replacement, t.count ?? 1]);
  return digestOfBytes(JSON.stringify(said));
}

/**
 * Applies the transforms in order, each to its file below `root`.
 * @throws TransformNotAppliedError; files already written stay so.
 */
export async function applyTransforms(root: string, transforms: readonly Transform[]): Promise<void> {
  for (const transform of transforms) {
    const text = await readSource(root, transform);
    await writeFile(join(root, transform.file), transformed(text, transform));
  }
}

/** Whether every transform would apply to the files as they are; writes nothing. @throws TransformNotAppliedError */
export async function checkTransforms(root: string, transforms: readonly Transform[]): Promise<void> {
  for (const transform of transforms) transformed(await readSource(root, transform), transform);
}

/** The text after one transform. @throws TransformNotAppliedError */
export function transformed(text: string, transform: Transform): string {
  const { file, description, pattern, replacement, count = 1 } = transform;
  const everywhere = typeof pattern === 'string' ? pattern : new RegExp(pattern, withGlobal(pattern.flags));
  const found =
    typeof everywhere === 'string'
      ? text.split(everywhere).length - 1
      : [...text.matchAll(everywhere)].length;
  if (found !== count) {
    const reason = `${file} has ${String(pattern)} ${found} times, not ${count}`;
    throw new TransformNotAppliedError(file, description, reason);
  }
  return text.replaceAll(everywhere, replacement);
}

function withGlobal(flags: string): string {
  return flags.includes('g') ? flags : `${flags}g`;
}

async function readSource(root: string, { file, description }: Transform): Promise<string> {
  try {
    return await readFile(join(root, file), 'utf8');
  } catch {
    throw new TransformNotAppliedError(file, description, `the source has no ${file}`);
  }
}
