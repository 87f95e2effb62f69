/** What `loadbase run` prepares before its first machine, from the cache, for one default instance. */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactRequest, toolchainContext } from '../../harness/cli/source-options.ts';
import { cacheRoot, hostRecord } from '../../harness/cli/surroundings.ts';
import { matrixInstances, neededSubjects } from '../../harness/cli/instance-options.ts';
import { prepareArtifacts } from '../../harness/scenario/artifacts.ts';
import { prepareSubjects } from '../../harness/scenario/prepare-subjects.ts';
import { selectInstances } from '../../harness/scenario/instance-name.ts';
import { planRun } from '../../harness/scenario/plan.ts';
import { runInstance } from '../../harness/scenario/run-instance.ts';
import type { InstanceRun } from '../../harness/scenario/run-instance.ts';
import { SCENARIOS } from '../../scenarios/index.ts';
import type { Say } from './figure.ts';

/** An instance ready to run, but for the folder that its evidence goes to. */
export type PreparedInstance = Omit<InstanceRun, 'runDirectory'>;

const TIMEOUT_MS = 120_000;

/** @throws what `loadbase run` throws, and where the instance is skipped on this host. */
export async function prepareInstance(name: string, folder: string, say: Say): Promise<PreparedInstance> {
  const { signal } = new AbortController();
  const context = toolchainContext((event) => {
    if (event.kind === 'preparing') say(`preparing ${event.task}: ${event.step}`);
  }, signal);
  const request = artifactRequest({ grubSrc: 'debian', xenSrc: 'debian' });
  const instances = selectInstances(matrixInstances(SCENARIOS, {}), [name]);
  const names = neededSubjects(SCENARIOS, [name], {});
  const artifacts = await prepareArtifacts(
    request,
    await prepareSubjects(names, request.subjects, context),
    instances,
    context,
  );
  const { planned } = await planRun({
    artifacts,
    instances,
    accelerator: 'auto',
    cacheRoot: cacheRoot(),
    kernelRelease: hostRecord().kernel,
    runDirectory: folder,
    scenarios: SCENARIOS,
    emit: () => undefined,
  });
  const [only] = planned;
  if (!only) throw new Error(`${name} is in no scenario`);
  if (only.kind !== 'ready') throw new Error(`${name} cannot be booted here: ${only.reason}`);
  return {
    planned: only,
    artifacts,
    timeoutMs: TIMEOUT_MS,
    repeat: '',
    signal,
    onPhase: () => undefined,
  };
}

/** Calls `use` with a folder that is gone afterwards, and after a Ctrl-C. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'loadbase-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await use(folder);
  } finally {
    process.removeListener('exit', remove);
    remove();
  }
}

/** A new folder for one round. */
export async function roundFolder(folder: string, round: number | string): Promise<string> {
  const path = join(folder, String(round));
  await mkdir(path);
  return path;
}

/** How long one whole instance takes. @throws where it does not pass: then there is nothing to measure. */
export async function instanceMs(
  prepared: PreparedInstance,
  runDirectory: string,
  layout: boolean,
): Promise<number> {
  const witnesses = layout ? 'all' : 'but-layout';
  const { verdict, reason, durationMs } = await runInstance({ ...prepared, runDirectory, witnesses });
  if (verdict !== 'pass') throw new Error(`the instance that is measured should pass, but: ${reason}`);
  return durationMs;
}
