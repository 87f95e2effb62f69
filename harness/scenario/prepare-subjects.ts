/** The images that a run boots, built or read. */
import type { SourceSpec } from '../sources/source-spec.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { xenBuild } from '../xen/build.ts';
import type { SubjectName } from './contract.ts';
import { loadSubject, type Subject } from './subject.ts';

/** Where Xen comes from. */
export type XenSource =
  | { readonly kind: 'build'; readonly source: SourceSpec; readonly patchesDirectory?: string }
  | { readonly kind: 'file'; readonly image: string; readonly symbols?: string };

export interface SubjectSources {
  readonly xen: XenSource;
}

export type Subjects = ReadonlyMap<SubjectName, Subject>;

/** @throws SubjectError, and whatever a build throws. */
export async function prepareSubjects(
  names: ReadonlySet<SubjectName>,
  sources: SubjectSources,
  context: ToolchainContext,
): Promise<Subjects> {
  const subjects = new Map<SubjectName, Subject>();
  for (const name of names) subjects.set(name, await xenSubject(sources.xen, context));
  return subjects;
}

async function xenSubject(source: XenSource, context: ToolchainContext): Promise<Subject> {
  if (source.kind === 'file') return loadSubject('xen', source.image, source.symbols, source.image);
  const build = await xenBuild(source, context);
  return loadSubject('xen', build.image, build.symbols, build.sourceLabel);
}
