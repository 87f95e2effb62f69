/** An ordinary planned instance with one thing of it broken; what is expected of it stays what it was. */
import { createHash } from 'node:crypto';
import { grubBuild } from '../grub/build.ts';
import type { GrubVariant } from '../grub/variants.ts';
import { bootMedium } from '../image/medium.ts';
import type { ArtifactRequest, Artifacts } from '../scenario/artifacts.ts';
import { neutralised } from '../scenario/neutralised.ts';
import type { ReadyInstance } from '../scenario/plan.ts';
import type { Subject } from '../scenario/subject.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';
import type { Defect } from './defect.ts';
import { type Patch, patched, type XenBytes, xenReader, type XenReader } from './xen-reader.ts';

export interface Workbench {
  readonly artifacts: Artifacts;
  /** The files that Xen was read from. */
  readonly xen: XenBytes;
  readonly grub: ArtifactRequest['grub'];
  readonly context: ToolchainContext;
}

export interface Prepared {
  readonly planned: ReadyInstance;
  readonly artifacts: Artifacts;
}

/** @throws SabotageImpossibleError, ImageSymbolsError, TransformNotAppliedError and whatever a build throws. */
export async function applyDefect(
  { make }: Pick<Defect, 'make'>,
  planned: ReadyInstance,
  bench: Workbench,
): Promise<Prepared> {
  const { artifacts } = bench;
  switch (make.depth) {
    case 'image':
      return {
        planned: { ...planned, subject: brokenSubject(make.patches, planned, bench) },
        artifacts,
      };
    case 'grub':
      return { planned: await withLoader(make.variant, planned, bench), artifacts };
    case 'machine':
      return { planned: { ...planned, spec: { ...planned.spec, ...make.change } }, artifacts };
  }
}

function brokenSubject(
  patches: (xen: XenReader) => readonly Patch[],
  { subject, given }: ReadyInstance,
  bench: Workbench,
): Subject {
  const { disassembler } = bench.artifacts;
  const files = patched(bench.xen, patches(xenReader(bench.xen, disassembler)));
  const image = parseBootImage(files.image);
  const broken = {
    ...subject,
    image,
    symbols: new ImageSymbols(files.symbols, image.loaded.linkBase),
    sha256: createHash('sha256').update(files.image).digest('hex'),
  };
  return neutralised(broken, given.neutralised ?? []);
}

async function withLoader(
  variant: GrubVariant,
  planned: ReadyInstance,
  { grub, context }: Workbench,
): Promise<ReadyInstance> {
  const build = await grubBuild({ ...grub, variant }, context);
  const { kind } = planned.spec.medium;
  const medium = await bootMedium(kind, build, context);
  return {
    ...planned,
    spec: { ...planned.spec, medium: { kind, path: medium.path } },
    loaderName: `GRUB ${build.version}`,
  };
}
