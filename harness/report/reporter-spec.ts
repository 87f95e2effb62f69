import { closest, distance } from 'fastest-levenshtein';

export const REPORTER_NAMES = ['pretty', 'tap', 'json', 'junit'] as const;
export type ReporterName = (typeof REPORTER_NAMES)[number];

/** One reporter; without `file` it writes to standard output. */
export interface ReporterSpec {
  readonly name: ReporterName;
  readonly file?: string;
}

export class ReporterSpecError extends Error {
  override readonly name = 'ReporterSpecError';
}

/**
 * Reads `--reporter` values: `['pretty,junit=out.xml', 'tap=out.tap']` → three specs, in order.
 * @throws ReporterSpecError for an unknown name, an empty file name, or two reporters that would write to one place.
 */
export function parseReporterSpecs(text: readonly string[]): ReporterSpec[] {
  const specs = text.flatMap((value) => value.split(',')).map((part) => parseSpec(part.trim()));
  refuseSharedPlaces(specs);
  return specs;
}

function parseSpec(part: string): ReporterSpec {
  const equals = part.indexOf('=');
  const name = parseName(equals < 0 ? part : part.slice(0, equals));
  if (equals < 0) return { name };
  const file = part.slice(equals + 1);
  if (file === '') throw new ReporterSpecError(`${part} names no file; write ${name}=FILE`);
  return { name, file };
}

function parseName(name: string): ReporterName {
  const known = REPORTER_NAMES.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  const nearest = closest(name, REPORTER_NAMES);
  const hint = distance(name, nearest) <= 2 ? `did you mean ${nearest}? ` : '';
  throw new ReporterSpecError(
    `there is no reporter ${JSON.stringify(name)}; ${hint}(known: ${REPORTER_NAMES.join(', ')}; with a file: junit=out.xml)`,
  );
}

function refuseSharedPlaces(specs: readonly ReporterSpec[]): void {
  const owners = new Map<string | undefined, ReporterName>();
  for (const { name, file } of specs) {
    const owner = owners.get(file);
    if (owner !== undefined) throw new ReporterSpecError(sharedPlace(owner, name, file));
    owners.set(file, name);
  }
}

function sharedPlace(first: ReporterName, second: ReporterName, file: string | undefined): string {
  const place = file ?? 'standard output';
  return `${first} and ${second} would both write to ${place}; give one another file, as in ${second}=FILE`;
}
