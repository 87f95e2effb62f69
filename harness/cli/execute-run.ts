/** The run proper, between options and reporters. */
import { rmdir } from 'node:fs/promises';
import { preparationFolder, prepareArtifacts, type Artifacts } from '../scenario/artifacts.ts';
import type { Firmware, Instance, Results, RunListener } from '../scenario/contract.ts';
import { Forks } from '../scenario/forks.ts';
import { rememberExpectations } from '../scenario/expectation-memory.ts';
import { planRun } from '../scenario/plan.ts';
import { runAll } from '../scenario/run.ts';
import { prepareSubjects } from '../scenario/prepare-subjects.ts';
import { createRunFolder, makeFolder, runId, type RunFolder } from '../workdir/run-folder.ts';
import { chosenScenarios } from './chosen-scenarios.ts';
import { chosenInstances, neededSubjects } from './instance-options.ts';
import { artifactRequest, repeatedSourceOptions, toolchainContext } from './source-options.ts';
import { cacheRoot, hostRecord } from './surroundings.ts';
import { DEFAULT_TIMEOUT_S, type RunOptions } from './run-options.ts';

export interface RunExecution {
  readonly globs: readonly string[];
  readonly options: RunOptions;
  readonly outDirectory?: string;
  readonly signal: AbortSignal;
  readonly emit: RunListener;
}

export async function executeRun(execution: RunExecution): Promise<Results> {
  const folder = await runFolder(execution.outDirectory);
  try {
    return await runIn(folder, execution);
  } catch (error) {
    // What was refused before anything was kept leaves nothing behind; a folder with something in it stays.
    if (execution.outDirectory === undefined) await rmdir(folder.path).catch(() => undefined);
    throw error;
  }
}

async function runIn(folder: RunFolder, execution: RunExecution): Promise<Results> {
  const { options, emit, signal } = execution;
  const context = toolchainContext(emit, signal);
  const request = artifactRequest(options);
  const scenarios = await chosenScenarios(options);
  for (const { notices = [] } of scenarios) for (const text of notices) emit({ kind: 'notice', text });
  const names = neededSubjects(scenarios, execution.globs, options);
  const subjects = await prepareSubjects(names, request.subjects, context);
  const instances = chosenInstances(scenarios, execution.globs, options, subjects);
  const artifacts = await prepareArtifacts(request, subjects, instances, context);
  requireFirmware(options.firmware ?? [], artifacts);
  const host = hostRecord();
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
  return runAll({
    runId: folder.id,
    runDirectory: folder.path,
    cacheRoot: cacheRoot(),
    host,
    artifacts,
    plan,
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

/** POSIX shell quoting, only where it is needed. */
function quoted(word: string): string {
  return /^[A-Za-z0-9._/:=@%+,#-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
