/** What `npm run sabotage` needs before its first machine: as `loadbase run` prepares it, and the files to break. */
import { readFile } from 'node:fs/promises';
import { matrixInstances } from '../../harness/cli/instance-options.ts';
import { artifactRequest, toolchainContext } from '../../harness/cli/source-options.ts';
import { cacheRoot, hostRecord } from '../../harness/cli/surroundings.ts';
import { grubBuild } from '../../harness/grub/build.ts';
import type { Workbench } from '../../harness/sabotage/apply-defect.ts';
import type { TrialRequest } from '../../harness/sabotage/trials.ts';
import { prepareArtifacts, prepareSubject } from '../../harness/scenario/artifacts.ts';
import type { RunEvent } from '../../harness/scenario/contract.ts';
import { planRun } from '../../harness/scenario/plan.ts';
import { givenBy } from '../../harness/scenario/scenario.ts';
import type { ReadyInstance } from '../../harness/scenario/run-instance.ts';
import { SCENARIOS } from '../../scenarios/index.ts';
import type { SabotageOptions } from './options.ts';

interface Surroundings {
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Ordinary instances: those that defects are tried on, and, where there is a control, the rest of the default matrix.
 * @throws what a run throws.
 */
export async function prepareTrials(
  options: SabotageOptions,
  directory: string,
  { say, signal }: Surroundings,
): Promise<TrialRequest> {
  const [scenario] = SCENARIOS;
  if (!scenario) throw new Error('there is no scenario');
  const emit = (event: RunEvent) => {
    if (event.kind === 'preparing') say(`preparing ${event.task}: ${event.step}`);
    if (event.kind === 'notice') say(event.text);
  };
  const context = toolchainContext(emit, signal);
  const request = artifactRequest({ grubSrc: 'debian', xenSrc: 'debian' });
  const subject = await prepareSubject(request.subject, context);
  const tried = new Set(options.defects.flatMap(({ instances }) => instances));
  const matrix = matrixInstances(SCENARIOS, {});
  const rest = matrix.filter(({ name }) => !tried.has(name));
  const instances = [...matrix.filter(({ name }) => tried.has(name)), ...(options.clean > 0 ? rest : [])];
  const artifacts = await prepareArtifacts(request, subject, instances, context);
  const plan = await planRun({
    artifacts,
    instances,
    accelerator: 'auto',
    cacheRoot: cacheRoot(),
    kernelRelease: hostRecord().kernel,
    runDirectory: directory,
    misalignedText: scenario.misalignedText,
    emit,
    signal,
  });
  const ready = plan.planned.filter((planned): planned is ReadyInstance => planned.kind === 'ready');
  for (const { make } of options.defects)
    if (make.depth === 'grub') await grubBuild({ ...request.grub, variant: make.variant }, context);
  const bench: Workbench = {
    artifacts,
    xen: { image: await readFile(subject.imagePath), symbols: await readFile(subject.symbolsPath ?? '') },
    grub: request.grub,
    context,
  };
  const planned = new Map(ready.map((instance) => [instance.instance.name, instance]));
  const { jobs, timeoutMs } = options;
  return {
    bench,
    planned,
    given: (instance) => givenBy(SCENARIOS, instance),
    directory,
    signal,
    jobs,
    timeoutMs,
  };
}
