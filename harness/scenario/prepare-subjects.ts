/** The images that a run boots, built or read. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseElf } from '../elf/elf-image.ts';
import { loadedImage } from '../multiboot2/loaded-image.ts';
import type { SourceSpec } from '../sources/source-spec.ts';
import { specimenBuild } from '../specimen/build.ts';
import type { ProbeVariant } from '../specimen/probe-variants.ts';
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
  /** A file of the user's, gzip or not. */
  readonly kernel?: string;
}

export type Subjects = ReadonlyMap<SubjectName, Subject>;

/** @throws SubjectError, and whatever a build throws. */
export async function prepareSubjects(
  names: ReadonlySet<SubjectName>,
  sources: SubjectSources,
  context: ToolchainContext,
): Promise<Subjects> {
  const subjects = new Map<SubjectName, Subject>();
  for (const name of names) subjects.set(name, await prepareSubject(name, sources, context));
  return subjects;
}

/** @throws as prepareSubjects does. */
export async function prepareSubject(
  name: SubjectName,
  { xen, kernel }: SubjectSources,
  context: ToolchainContext,
): Promise<Subject> {
  if (name === 'xen') return xenSubject(xen, context);
  if (name === 'bios-64bit-entry') return bios64Subject(context);
  if (name !== 'kernel') return probeSubject(name, context);
  if (kernel === undefined) throw new Error('no kernel was given');
  return loadSubject('kernel', kernel, undefined, kernel);
}

async function xenSubject(source: XenSource, context: ToolchainContext): Promise<Subject> {
  if (source.kind === 'file') return loadSubject('xen', source.image, source.symbols, source.image);
  const build = await xenBuild(source, context);
  return loadSubject('xen', build.image, build.symbols, build.sourceLabel);
}

async function probeSubject(name: ProbeVariant, context: ToolchainContext): Promise<Subject> {
  const { images, digest } = await specimenBuild('probe', context);
  const path = images.get(name);
  if (path === undefined) throw new Error(`the probe has no variant ${name}`);
  return loadSubject(name, path, undefined, `probe ${digest.slice(0, 8)}`);
}

/** It has no Multiboot2 header: the loader that takes it wants none. */
async function bios64Subject(context: ToolchainContext): Promise<Subject> {
  const { images, digest } = await specimenBuild('bios-64bit-entry', context);
  const imagePath = images.get('bios-64bit-entry') ?? '';
  const bytes = await readFile(imagePath);
  const elf = parseElf(bytes);
  return {
    name: 'bios-64bit-entry',
    image: { bytes, elf, header: NO_HEADER, loaded: loadedImage(elf) },
    ...{ symbols: undefined, symbolsPath: undefined, imagePath, hasMultiboot1: false },
    sha256: createHash('sha256').update(bytes).digest('hex'),
    label: `bios-64bit-entry ${digest.slice(0, 8)}`,
  };
}

const NO_HEADER = { offset: 0, architecture: 0, length: 0, tags: [] };
