/** What `npm run sabotage` needs before its first machine: as `loadbase run` prepares it, and the files to break. */
import { readFile } from 'node:fs/promises';
import { matrixInstances } from '../../harness/cli/instance-options.ts';
import { artifactRequest, toolchainContext } from '../../harness/cli/source-options.ts';
import { cacheRoot, hostRecord } from '../../harness/cli/surroundings.ts';
import { grubBuild } from '../../harness/grub/build.ts';
import type { Workbench } from '../../harness/sabotage/apply-defect.ts';
import type { XenBytes } from '../../harness/sabotage/xen-reader.ts';
import type { TrialRequest } from '../../harness/sabotage/trials.ts';
import { preparationFolder, prepareArtifacts } from '../../harness/scenario/artifacts.ts';
import { Forks } from '../../harness/scenario/forks.ts';
import { prepareSubjects, type Subjects } from '../../harness/scenario/prepare-subjects.ts';
import type { RunEvent } from '../../harness/scenario/contract.ts';
import { planRun } from '../../harness/scenario/plan.ts';
import type { ReadyInstance } from '../../harness/scenario/plan.ts';
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
  const emit = (event: RunEvent) => {
    if (event.kind === 'preparing') say(`preparing ${event.task}: ${event.step}`);
    if (event.kind === 'notice') say(event.text);
  };
  const context = toolchainContext(emit, signal);
  const request = artifactRequest({ grubSrc: 'debian', xenSrc: 'debian' });
  const tried = new Set(options.defects.flatMap(({ instances }) => instances));
  const matrix = matrixInstances(SCENARIOS, {});
  const rest = matrix.filter(({ name }) => !tried.has(name));
  const instances = [...matrix.filter(({ name }) => tried.has(name)), ...(options.clean > 0 ? rest : [])];
  const names = new Set(instances.map(({ subject }) => subject));
  const subjects = await prepareSubjects(names.add('xen'), request.subjects, context);
  const artifacts = await prepareArtifacts(request, subjects, instances, context);
  const plan = await planRun({
    artifacts,
    instances,
    accelerator: 'auto',
    cacheRoot: cacheRoot(),
    kernelRelease: hostRecord().kernel,
    runDirectory: directory,
    scenarios: SCENARIOS,
    emit,
    signal,
  });
  const ready = plan.planned.filter((planned): planned is ReadyInstance => planned.kind === 'ready');
  for (const { make } of options.defects)
    if (make.depth === 'grub') await grubBuild({ ...request.grub, variant: make.variant }, context);
  const bench: Workbench = {
    artifacts,
    xen: await xenBytes(subjects),
    grub: request.grub,
    context,
  };
  const planned = new Map(ready.map((instance) => [instance.instance.name, instance]));
  const evidence = (name: string) => preparationFolder(directory, name);
  const forks = options.cold ? undefined : new Forks(artifacts, { context, evidence, onNotice: say });
  const { jobs, timeoutMs } = options;
  return { bench, planned, directory, forks, signal, jobs, timeoutMs };
}

/** @throws Error where Xen was not made. */
async function xenBytes(subjects: Subjects): Promise<XenBytes> {
  const xen = subjects.get('xen');
  if (!xen) throw new Error('no Xen was made');
  return { image: await readFile(xen.imagePath), symbols: await readFile(xen.symbolsPath ?? '') };
}
