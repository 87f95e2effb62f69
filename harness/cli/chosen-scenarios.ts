/** What a command is about: our scenarios, or the one of the user's own kernel. */
import { SCENARIOS } from '../../scenarios/index.ts';
import { kernelScenario } from '../../scenarios/kernel.scenario.ts';
import { packPayload } from '../image/payload.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { loadSubject } from '../scenario/subject.ts';
import { UsageError } from './exit-codes.ts';
import type { InstanceOptions } from './instance-options.ts';
import type { SourceOptions } from './source-options.ts';

/**
 * @throws SubjectError where the kernel is none; UsageError where options contradict each other; PayloadError where
 * GRUB would alter the arguments.
 */
export async function chosenScenarios(
  options: Partial<SourceOptions> & InstanceOptions,
): Promise<readonly Scenario[]> {
  const { kernel, expect, arguments: commandLine = '' } = options;
  if (kernel === undefined) {
    if (expect !== undefined || options.arguments !== undefined)
      throw new UsageError('--expect and --arguments belong to --kernel; give the kernel, too');
    return SCENARIOS;
  }
  const others = [
    ...(options.xen === undefined ? [] : ['--xen']),
    ...(options.xenSrc === undefined || options.xenSrc === 'debian' ? [] : ['--xen-src']),
    ...(options.xenPatches === undefined ? [] : ['--xen-patches']),
    ...(options.scenario === undefined ? [] : ['--scenario']),
  ];
  if (others.length > 0)
    throw new UsageError(
      `--kernel is booted instead of Xen; it cannot be combined with ${others.join(', ')}`,
    );
  // What GRUB would alter is said before anything is built or booted.
  await packPayload({ choice: { choice: 'arguments', mode: 'survey', arguments: commandLine } });
  const { image } = await loadSubject('kernel', kernel, undefined, kernel);
  return [kernelScenario(image, { arguments: commandLine, ...(expect ? { expectedLine: expect } : {}) })];
}
