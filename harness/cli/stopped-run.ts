/** The run of an earlier call, read from its folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseResults, ResultsFormatError } from '../report/results-schema.ts';
import { totalsOf, type Results } from '../scenario/contract.ts';
import { ANEW, ResumeError } from '../scenario/resumption.ts';
import { holdRunFolder } from './run-folder-lock.ts';
import { REQUEST_FILE, type RunRequestRecord } from './run-request.ts';
import { parseRunRequest } from './run-request-schema.ts';

export interface StoppedRun {
  readonly folder: string;
  readonly results: Results;
  readonly request: RunRequestRecord;
}

/**
 * Runs `task` with the run that is kept in `folder`, while no other run can be in that folder.
 * @throws ResumeError where there is none, or none that this loadbase understands; RunGoingOnError
 */
export async function withStoppedRun<T>(
  folder: string,
  task: (stopped: StoppedRun) => Promise<T>,
): Promise<T> {
  // A wrong name shall not become a folder with a lock in it; what counts is read under the lock.
  await readResults(join(folder, 'results.json'));
  await using _held = await holdRunFolder(folder);
  return await task(await readStoppedRun(folder));
}

async function readStoppedRun(folder: string): Promise<StoppedRun> {
  const results = await readResults(join(folder, 'results.json'));
  const path = join(folder, REQUEST_FILE);
  const request = parseRunRequest(await readJson(path, 'loadbase.request'), path);
  if (request.runId !== results.runId)
    throw new ResumeError(
      `${path} is of the run ${request.runId}, but the results beside it are of ${results.runId}: ` +
        `a later run into this folder ended before it had any; ${ANEW}`,
    );
  return { folder, results, request };
}

async function readResults(path: string): Promise<Results> {
  const json = await readJson(path, 'loadbase.results');
  try {
    const results = parseResults(json);
    return { ...results, totals: totalsOf(results.instances) };
  } catch (error) {
    if (error instanceof ResultsFormatError) throw new ResumeError(`${path}: ${error.message}; ${ANEW}`);
    throw error;
  }
}

async function readJson(path: string, kind: keyof typeof MISSING): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw missing(path, kind, error);
  });
  const json = parsed(path, text);
  const version = versionOf(json, kind);
  if (version !== undefined && version > 1)
    throw new ResumeError(
      `${path} is ${kind}/${version}, of a newer loadbase than this one, which knows ${kind}/1; resume it with that one`,
    );
  return json;
}

const MISSING = {
  'loadbase.results': 'no run got as far as results there; give the folder that a run said it is kept in',
  'loadbase.request': 'the run was begun by a loadbase that could not resume; resume another',
} as const;

function missing(path: string, kind: keyof typeof MISSING, error: unknown): ResumeError {
  const { code = String(error) } = error as NodeJS.ErrnoException;
  return new ResumeError(
    code === 'ENOENT' || code === 'ENOTDIR'
      ? `there is no ${path}: ${MISSING[kind]}, or ${ANEW}`
      : `${path} cannot be read (${code}); ${ANEW}`,
  );
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ResumeError(`${path} is no whole JSON: it is cut short, or not ours (${why}); ${ANEW}`);
  }
}

function versionOf(json: unknown, kind: string): number | undefined {
  const { schema } = Object(json) as { schema?: unknown };
  const found = typeof schema === 'string' ? /^(.+)\/(\d+)$/.exec(schema) : null;
  return found?.[1] === kind ? Number(found[2]) : undefined;
}
