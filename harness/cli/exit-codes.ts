/** DESIGN: what the exit status says. */
export const EXIT = {
  ok: 0,
  /** A fail, crash or flaky. */
  failed: 1,
  /** Wrong use, wrong input. */
  usage: 2,
  /** An error of host or harness. */
  host: 3,
  interrupted: 130,
} as const;

/** The command was used wrongly; the message says how to use it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Errors that are about what the user gave, wherever they were noticed. */
const INPUT_ERRORS: ReadonlySet<string> = new Set([
  'UsageError',
  'SubjectError',
  'UnknownInstanceError',
  'SourceSpecError',
  'SourceFeatureMissingError',
  'ReporterSpecError',
  'PatchSeriesError',
  'PatchFailedError',
  'GrubNotBootstrappedError',
  'PayloadError',
  'ResumeError',
  'RunGoingOnError',
  'TraceImageError',
  'CapturePlanError',
  'VectorFileError',
  'UnknownImageError',
]);

export function exitCodeOf(error: unknown): number {
  if (error instanceof Error && error.name === 'AbortError') return EXIT.interrupted;
  return error instanceof Error && INPUT_ERRORS.has(error.name) ? EXIT.usage : EXIT.host;
}
