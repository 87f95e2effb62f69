/** One instance, planned, with all it needs: for commands that take a single boot in hand. */
import type { FrozenMachine } from '../boot/frozen-machine.ts';
import { makeReporter } from '../report/make-reporter.ts';
import { preparationFolder, prepareArtifacts, type Artifacts } from '../scenario/artifacts.ts';
import { Forks } from '../scenario/forks.ts';
import { planRun, type ReadyInstance } from '../scenario/plan.ts';
import { prepareSubjects } from '../scenario/prepare-subjects.ts';
import { createRunFolder } from '../workdir/run-folder.ts';
import { chosenScenarios } from './chosen-scenarios.ts';
import { UsageError } from './exit-codes.ts';
import { chosenInstances, neededSubjects } from './instance-options.ts';
import type { SingleOptions } from './run-options.ts';
import { artifactRequest, toolchainContext } from './source-options.ts';
import { cacheRoot, hostRecord, standardOutput } from './surroundings.ts';

export interface PreparedInstance {
  readonly planned: ReadyInstance;
  readonly artifacts: Artifacts;
  /** A folder of its own below the runs. */
  readonly directory: string;
  /** What to fork; undefined: it boots cold. */
  readonly from: FrozenMachine | undefined;
}

/** @param command what the messages call it, e.g. `debug` @throws UsageError, and what preparing throws */
export async function prepareInstance(
  command: string,
  name: string,
  options: SingleOptions,
  signal: AbortSignal,
): Promise<PreparedInstance> {
  const reporter = makeReporter({ name: 'pretty' }, standardOutput(), { cwd: process.cwd() });
  try {
    const context = toolchainContext((event) => reporter.onEvent(event), signal);
    const request = artifactRequest(options);
    const scenarios = await chosenScenarios(options);
    const names = neededSubjects(scenarios, [name], options);
    const subjects = await prepareSubjects(names, request.subjects, context);
    const instances = chosenInstances(scenarios, [name], options, subjects);
    const [instance] = instances;
    if (!instance || instances.length > 1)
      throw new UsageError(
        `${JSON.stringify(name)} matches ${instances.length} instances; ${command} takes one`,
      );
    const artifacts = await prepareArtifacts(request, subjects, instances, context);
    const { path } = await createRunFolder();
    const { planned } = await planRun({
      artifacts,
      instances,
      accelerator: options.accel,
      cacheRoot: cacheRoot(),
      kernelRelease: hostRecord().kernel,
      runDirectory: path,
      scenarios,
      emit: (event) => reporter.onEvent(event),
      signal,
    });
    const [only] = planned;
    if (only?.kind !== 'ready')
      throw new UsageError(`${name} cannot be booted here: ${only?.reason ?? 'it was not planned'}`);
    const forks = new Forks(artifacts, {
      context,
      evidence: (of) => preparationFolder(path, of),
      onNotice: (text) => reporter.onEvent({ kind: 'notice', text }),
    });
    const from = options.cold ? undefined : await forks.find(only);
    return { planned: only, artifacts, directory: path, from };
  } finally {
    await reporter.end();
  }
}
