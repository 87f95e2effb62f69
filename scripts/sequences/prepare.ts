/** What running random sequences needs before the first machine: QEMU, GRUB's medium, the specimen. */
import { cacheRoot, searchPath } from '../../harness/cli/surroundings.ts';
import { grubBuild } from '../../harness/grub/build.ts';
import { bootMedium } from '../../harness/image/medium.ts';
import { SequenceOracle } from '../../harness/oracle/sequence-oracle.ts';
import { findQemu } from '../../harness/qemu/binary.ts';
import { specimenBuild } from '../../harness/specimen/build.ts';
import type { CodeStore } from '../../harness/x86/execute/code-store.ts';

export interface Preparation {
  /** The model. */
  readonly store: CodeStore;
  /** Takes the evidence of each boot. */
  readonly directory: string;
  readonly base: number;
  readonly say: (text: string) => void;
}

/** @throws what building GRUB and the specimen throws; QemuMissingError, QemuTooOldError */
export async function prepareOracle({ say, ...rest }: Preparation): Promise<SequenceOracle> {
  const context = {
    cacheRoot: cacheRoot(),
    onProgress: ({ task, step }: { readonly task: string; readonly step: string }) =>
      say(`preparing ${task}: ${step}`),
  };
  const { path: qemu } = await findQemu(searchPath());
  const grub = await grubBuild(
    { source: { kind: 'debian', package: 'grub2' }, variant: 'standard' },
    context,
  );
  const medium = await bootMedium('iso', grub, context);
  const { images } = await specimenBuild('sequences', context);
  return SequenceOracle.open({ ...rest, qemu, medium, specimen: images.get('sequences')! });
}
