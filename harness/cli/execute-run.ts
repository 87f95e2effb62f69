/** The run proper, between options and reporters. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { preparationFolder, prepareArtifacts, type Artifacts } from '../scenario/artifacts.ts';
import type { Firmware, Instance, Results, RunListener } from '../scenario/contract.ts';
import { Forks } from '../scenario/forks.ts';
import { rememberExpectations } from '../scenario/expectation-memory.ts';
import { planRun } from '../scenario/plan.ts';
import { runAll } from '../scenario/run.ts';
import { prepareSubjects } from '../scenario/prepare-subjects.ts';
import { ResultsFile } from '../scenario/results-file.ts';
import {
  completed,
  hostNotice,
  isComplete,
  requireSameInstances,
  requireSameTools,
  resumedRun,
  retold,
} from '../scenario/resumption.ts';
import { writeFileAtomic } from '../workdir/atomic-file.ts';
import { quoted } from './shell-word.ts';
import { createRunFolder, makeFolder, runId, type RunFolder } from '../workdir/run-folder.ts';
import { chosenScenarios } from './chosen-scenarios.ts';
import { chosenInstances, neededSubjects } from './instance-options.ts';
import { artifactRequest, repeatedSourceOptions, toolchainContext } from './source-options.ts';
import { cacheRoot, hostRecord } from './surroundings.ts';
import { holdRunFolder, LOCK_FILE } from './run-folder-lock.ts';
import { DEFAULT_TIMEOUT_S, type RunOptions } from './run-options.ts';
import { REQUEST_FILE, runRequestRecord } from './run-request.ts';
import type { StoppedRun } from './stopped-run.ts';

export interface RunExecution {
  readonly globs: readonly string[];
  readonly options: RunOptions;
  readonly outDirectory?: string;
  /** The run that goes on, in its own folder, which is held; `globs` and `options` are its own. */
  readonly stopped?: StoppedRun;
  readonly signal: AbortSignal;
  readonly emit: RunListener;
}

export async function executeRun(execution: RunExecution): Promise<Results> {
  const { stopped } = execution;
  if (stopped && isComplete(stopped.results)) return tellComplete(stopped, execution.emit);
  if (stopped) return runIn({ id: stopped.results.runId, path: stopped.folder }, execution);
  const folder = await runFolder(execution.outDirectory);
  await using _held = await holdRunFolder(folder.path);
  try {
    return await runIn(folder, execution);
  } catch (error) {
    // What was refused before anything was kept leaves nothing behind; a folder with something in it stays.
    if (execution.outDirectory === undefined) await removeUnusedFolder(folder.path);
    throw error;
  }
}

async function tellComplete({ folder, results }: StoppedRun, emit: RunListener): Promise<Results> {
  emit({
    kind: 'notice',
    text: `nothing is left to run: all ${results.planned} instances have their verdict`,
  });
  const told = results.finished ? results : await finished(folder, results);
  retold(told, folder).forEach(emit);
  return told;
}

/** It was ended between its last instance and its end. */
async function finished(folder: string, results: Results): Promise<Results> {
  await using file = new ResultsFile(folder, resumedRun(results).head, completed(results));
  await file.finish();
  return file.results;
}

async function runIn(folder: RunFolder, execution: RunExecution): Promise<Results> {
  const { globs, options, stopped, emit, signal } = execution;
  const context = toolchainContext(emit, signal);
  const request = artifactRequest(options);
  const scenarios = await chosenScenarios(options);
  for (const { notices = [] } of scenarios) for (const text of notices) emit({ kind: 'notice', text });
  const names = neededSubjects(scenarios, globs, options);
  const subjects = await prepareSubjects(names, request.subjects, context);
  const instances = chosenInstances(scenarios, globs, options, subjects);
  if (stopped) requireSameInstances(stopped.results, stopped.request.instancesSha256, instances);
  const artifacts = await prepareArtifacts(request, subjects, instances, context);
  if (stopped) requireSameTools(stopped.results, artifacts.tools);
  requireFirmware(options.firmware ?? [], artifacts);
  const host = hostRecord();
  const otherHost = stopped && hostNotice(stopped.results, host);
  if (otherHost !== undefined) emit({ kind: 'notice', text: otherHost });
  const plan = await planRun({
    artifacts,
    instances,
    accelerator: options.accel,
    cacheRoot: cacheRoot(),
    kernelRelease: host.kernel,
    runDirectory: folder.path,
    scenarios,
    emit,
    signal,
  });
  if (request.subjects.xen.kind === 'build' && options.kernel === undefined)
    await rememberExpectations(cacheRoot(), plan.planned);
  if (!stopped) await keepRequest(folder, globs, options, instances);
  return runAll({
    runId: folder.id,
    runDirectory: folder.path,
    cacheRoot: cacheRoot(),
    host,
    artifacts,
    plan,
    ...(stopped ? { resumed: resumedRun(stopped.results) } : {}),
    forks: options.cold
      ? undefined
      : new Forks(artifacts, {
          context,
          evidence: (name) => preparationFolder(folder.path, name),
          onNotice: (text) => emit({ kind: 'notice', text }),
        }),
    jobs: options.jobs,
    timeoutMs: options.timeout * 1000,
    repeatCommand: (instance) => repeatCommand(instance, options),
    signal,
    emit,
  });
}

async function keepRequest(
  folder: RunFolder,
  globs: readonly string[],
  options: RunOptions,
  instances: readonly Instance[],
): Promise<void> {
  const record = runRequestRecord(folder.id, globs, options, instances, process.cwd());
  await writeFileAtomic(join(folder.path, REQUEST_FILE), `${JSON.stringify(record, undefined, 1)}\n`);
}

async function removeUnusedFolder(path: string): Promise<void> {
  if ((await readdir(path)).some((name) => name !== LOCK_FILE)) return;
  await rm(path, { recursive: true, force: true });
}

/** A matrix without its UEFI half is worth running; a firmware that was asked for by name is not silently left out. */
function requireFirmware(asked: readonly Firmware[], { firmware }: Artifacts): void {
  for (const [key, found] of firmware)
    if (typeof found === 'string' && asked.some((name) => key.startsWith(name))) throw new Error(found);
}

async function runFolder(outDirectory: string | undefined): Promise<RunFolder> {
  if (outDirectory === undefined) return createRunFolder();
  return { id: runId(), path: await makeFolder(outDirectory) };
}

/** One line for a shell that runs this instance alone, with the same subject, loader and machine. */
function repeatCommand(instance: Instance, options: RunOptions): string {
  const base =
    options.base !== undefined && instance.base.kind === 'at'
      ? [...scenarioNamed(instance, options), '--base', `0x${instance.base.address.toString(16)}`]
      : [];
  const name = instance.repeat === undefined ? instance.name : instance.name.replace(/~repeat-\d+$/, '');
  const words = [
    ...['npx', 'loadbase', 'run', name],
    ...base,
    ...(options.memory === undefined ? [] : ['--memory', String(options.memory)]),
    ...(options.accel === 'auto' ? [] : ['--accel', options.accel]),
    ...(options.cold ? ['--cold'] : []),
    ...(options.timeout === DEFAULT_TIMEOUT_S ? [] : ['--timeout', String(options.timeout)]),
    ...repeatedSourceOptions(options),
  ];
  return words.map(quoted).join(' ');
}

/** A scenario that bases are not forced on unasked must be asked for again. */
function scenarioNamed({ scenario }: Instance, options: RunOptions): string[] {
  return options.scenario === undefined ? [] : ['--scenario', scenario];
}
