/** What a run was asked for, as it is kept in its folder, so that `--resume` needs nothing but the folder. */
import { resolve } from 'node:path';
import type { InstanceLabel } from '../scenario/contract.ts';
import { namesDigest } from '../scenario/resumption.ts';
import { UsageError } from './exit-codes.ts';
import type { RunOptions } from './run-options.ts';
import { imageAndSymbols } from './source-options.ts';

export const REQUEST_FILE = 'request.json';

/** Options of one call, not of the run. */
type CallOptions = 'reporter' | 'out' | 'resume';

/** As JSON keeps them: a regular expression is its source. */
export type RecordedOptions = Omit<RunOptions, CallOptions | 'expect'> & { readonly expect?: string };

/** `<out>/request.json` */
export interface RunRequestRecord {
  readonly schema: 'loadbase.request/1';
  readonly runId: string;
  readonly globs: readonly string[];
  /** Every option that decides what is run or how; paths are absolute. */
  readonly options: RecordedOptions;
  /** Of the names of its instances: `namesDigest`. */
  readonly instancesSha256: string;
}

/** @param directory what relative paths among the options are below. */
export function runRequestRecord(
  runId: string,
  globs: readonly string[],
  options: RunOptions,
  instances: readonly Pick<InstanceLabel, 'name'>[],
  directory: string,
): RunRequestRecord {
  const { reporter: _reporter, out: _out, resume: _resume, expect, ...rest } = options;
  return {
    schema: 'loadbase.request/1',
    runId,
    globs,
    options: { ...rest, ...absolutePaths(rest, directory), ...(expect ? { expect: expect.source } : {}) },
    instancesSha256: namesDigest(instances),
  };
}

type PathOptions = 'grubSrc' | 'xenSrc' | 'grubPatches' | 'xenPatches' | 'xen' | 'kernel';

function absolutePaths(options: Pick<RunOptions, PathOptions>, directory: string): Partial<RecordedOptions> {
  const { grubSrc, xenSrc, grubPatches, xenPatches, xen, kernel } = options;
  const absolute = (path: string) => resolve(directory, path);
  const source = (text: string) => (text === 'debian' ? text : absolute(text));
  return {
    ...{ grubSrc: source(grubSrc), xenSrc: source(xenSrc) },
    ...(grubPatches === undefined ? {} : { grubPatches: absolute(grubPatches) }),
    ...(xenPatches === undefined ? {} : { xenPatches: absolute(xenPatches) }),
    ...(xen === undefined
      ? {}
      : {
          xen: imageAndSymbols(xen)
            .map((path) => absolute(path))
            .join(','),
        }),
    ...(kernel === undefined ? {} : { kernel: absolute(kernel) }),
  };
}

/** What may be given beside --resume: how the rest is run and told, never what is run. */
const BESIDE_RESUME: readonly string[] = ['--resume', '--jobs', '--timeout', '--reporter'];

/**
 * @param given long names of the options on the command line.
 * @throws UsageError naming those that the resumed run has decided already.
 */
export function refuseBesideResume(globs: readonly string[], given: readonly string[]): void {
  const refused = [
    ...given.filter((name) => !BESIDE_RESUME.includes(name)),
    ...globs.map((glob) => JSON.stringify(glob)),
  ];
  if (refused.length === 0) return;
  throw new UsageError(
    `--resume goes on with what the run was asked for, into its own folder; ${refused.join(', ')} would be another run. ` +
      'Leave it out (beside --resume stand --jobs, --timeout and --reporter), or start a new run without --resume',
  );
}

/** The options of the run, with those of this call that were given. */
export function resumedOptions(
  { options }: RunRequestRecord,
  now: RunOptions,
  given: readonly string[],
): RunOptions {
  const { expect, ...rest } = options;
  return {
    ...rest,
    ...(expect === undefined ? {} : { expect: new RegExp(expect) }),
    ...(given.includes('--jobs') ? { jobs: now.jobs } : {}),
    ...(given.includes('--timeout') ? { timeout: now.timeout } : {}),
    ...(now.reporter ? { reporter: now.reporter } : {}),
  };
}
