/**
 * CLAIM: the no-relocation control has teeth. A GRUB without relocation, taken for the standard one, fails where it was
 * forced: the control's pass is no accident of a check that nobody fails.
 *
 * This one is made through the harness's own functions, as no option of the command line passes one GRUB off as another.
 */
import { join } from 'node:path';
import t from 'tap';
import { matrixInstances } from '../harness/cli/instance-options.ts';
import { artifactRequest } from '../harness/cli/source-options.ts';
import { cacheRoot, hostRecord } from '../harness/cli/surroundings.ts';
import { type Artifacts, prepareArtifacts } from '../harness/scenario/artifacts.ts';
import { prepareSubjects } from '../harness/scenario/prepare-subjects.ts';
import { selectInstances } from '../harness/scenario/instance-name.ts';
import { planRun } from '../harness/scenario/plan.ts';
import { runAll } from '../harness/scenario/run.ts';
import { makeFolder } from '../harness/workdir/run-folder.ts';
import { SCENARIOS } from '../scenarios/index.ts';
import { readResults } from './command.ts';

const STANDARD = 'xen-early-boot~bios~base-0x03e00000';
const CONTROL = `${STANDARD}~no-relocation`;

const emit = () => undefined;
const matrix = matrixInstances(SCENARIOS, {});

/** What a run of both needs, with the control's GRUB in the place of the standard one. */
async function swappedArtifacts(): Promise<Artifacts> {
  const context = { cacheRoot: cacheRoot(), onProgress: emit };
  const request = artifactRequest({ grubSrc: 'debian', xenSrc: 'debian' });
  const subjects = await prepareSubjects(new Set(['xen']), request.subjects, context);
  const both = selectInstances(matrix, [STANDARD, CONTROL]);
  const artifacts = await prepareArtifacts(request, subjects, both, context);
  const control = artifacts.grub.get('no-relocation');
  if (control === undefined) throw new Error('no control GRUB was made');
  return { ...artifacts, grub: new Map([['standard', control]]) };
}

t.test('a GRUB without relocation in the place of the standard one fails', async (t) => {
  const artifacts = await swappedArtifacts();
  const runDirectory = await makeFolder(join(t.testdir({}), 'run'));
  const places = { cacheRoot: cacheRoot(), runDirectory, artifacts, emit };
  const plan = await planRun({
    ...places,
    instances: selectInstances(matrix, [STANDARD]),
    accelerator: 'auto',
    kernelRelease: hostRecord().kernel,
    scenarios: SCENARIOS,
  });
  const { totals } = await runAll({
    ...places,
    plan,
    runId: 'control',
    host: hostRecord(),
    jobs: 1,
    timeoutMs: 60_000,
    repeatCommand: () => '',
    signal: new AbortController().signal,
  });
  t.match(totals, { pass: 0, fail: 1 });
  const [result] = (await readResults(runDirectory)).instances;
  t.match(result, { name: STANDARD, verdict: 'fail', base: '0x03e00000', loadBaseAddress: '0x00200000' });
  t.match(result?.reason, /^loader: GRUB loaded the image at 0x00200000, not at 0x03e00000/);
});
