/** Everything a run needs before its first machine: programs, builds, media, firmware, the subject. */
import { join } from 'node:path';
import { loadDisassembler, type Disassembler } from '../x86/disassembler.ts';
import { grubBuild, type GrubBuild, type GrubRequest } from '../grub/build.ts';
import { bootMedium, type BootMedium } from '../image/medium.ts';
import { findQemu, sha256OfFile, type QemuBinary } from '../qemu/binary.ts';
import { findEfiFirmware, findSeaBios, FirmwareNotFoundError } from '../qemu/firmware.ts';
import type { FirmwareImage } from '../qemu/machine-spec.ts';
import type { SourceSpec } from '../sources/source-spec.ts';
import { TransformNotAppliedError } from '../sources/transforms.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import type { Firmware, GrubVariant, Instance, MachineType, MediumKind, ToolRecord } from './contract.ts';
import type { Subjects, SubjectSources } from './prepare-subjects.ts';

export interface ArtifactRequest {
  readonly subjects: SubjectSources;
  readonly grub: { readonly source: SourceSpec; readonly patchesDirectory?: string };
  /** $PATH: where QEMU is looked for. */
  readonly searchPath: string;
}

export interface GrubArtifact {
  readonly build: GrubBuild;
  readonly media: ReadonlyMap<MediumKind, BootMedium>;
}

export interface FirmwareArtifact {
  readonly image: FirmwareImage;
  readonly path: string | undefined;
  readonly sha256: string | undefined;
}

export interface Artifacts {
  readonly qemu: QemuBinary;
  readonly subjects: Subjects;
  /** A string says why there is no such variant of this GRUB. */
  readonly grub: ReadonlyMap<GrubVariant, GrubArtifact | string>;
  /** By firmware and machine; a string says why there is none. */
  readonly firmware: ReadonlyMap<string, FirmwareArtifact | string>;
  readonly disassembler: Disassembler;
  readonly tools: Readonly<Record<string, ToolRecord>>;
}

export function firmwareKey(firmware: Firmware, machine: MachineType): string {
  return `${firmware}-${machine}`;
}

/**
 * @throws QemuMissingError, QemuTooOldError, and whatever a build throws.
 */
export async function prepareArtifacts(
  request: ArtifactRequest,
  subjects: Subjects,
  instances: readonly Instance[],
  context: ToolchainContext,
): Promise<Artifacts> {
  const qemu = await findQemu(request.searchPath);
  const grub = await prepareGrub(request, instances, context);
  const firmware = await findFirmware(instances, qemu.path);
  return {
    qemu,
    subjects,
    grub,
    firmware,
    disassembler: await loadDisassembler(),
    tools: toolRecords(qemu, subjects, grub, firmware),
  };
}

async function prepareGrub(
  { grub }: ArtifactRequest,
  instances: readonly Instance[],
  context: ToolchainContext,
): Promise<Map<GrubVariant, GrubArtifact | string>> {
  const artifacts = new Map<GrubVariant, GrubArtifact | string>();
  for (const variant of new Set(instances.map(({ grubVariant }) => grubVariant))) {
    const build = await buildVariant({ ...grub, variant }, context);
    if (typeof build === 'string') {
      artifacts.set(variant, build);
      continue;
    }
    const media = new Map<MediumKind, BootMedium>();
    const kinds = new Set(instances.filter((i) => i.grubVariant === variant).map(({ medium }) => medium));
    for (const kind of kinds) media.set(kind, await bootMedium(kind, build, context));
    artifacts.set(variant, { build, media });
  }
  return artifacts;
}

/** A control that cannot be made of the user's own GRUB is no reason not to test that GRUB. */
async function buildVariant(request: GrubRequest, context: ToolchainContext): Promise<GrubBuild | string> {
  try {
    return await grubBuild(request, context);
  } catch (error) {
    if (request.variant !== 'standard' && error instanceof TransformNotAppliedError)
      return `no ${request.variant} variant can be made of this GRUB: ${error.message}`;
    throw error;
  }
}

async function findFirmware(
  instances: readonly Instance[],
  qemu: string,
): Promise<Map<string, FirmwareArtifact | string>> {
  const found = new Map<string, FirmwareArtifact | string>();
  for (const { firmware, machine } of instances) {
    const key = firmwareKey(firmware, machine);
    if (!found.has(key)) found.set(key, await findOne(firmware, machine, qemu));
  }
  return found;
}

async function findOne(
  firmware: Firmware,
  machine: MachineType,
  qemu: string,
): Promise<FirmwareArtifact | string> {
  if (firmware === 'bios') {
    const path = await findSeaBios(qemu);
    return {
      image: { kind: 'bios' },
      path,
      sha256: path === undefined ? undefined : await sha256OfFile(path),
    };
  }
  try {
    const image = await findEfiFirmware(machine);
    const path = image.kind === 'efi' ? image.executable : undefined;
    return { image, path, sha256: path === undefined ? undefined : await sha256OfFile(path) };
  } catch (error) {
    if (error instanceof FirmwareNotFoundError) return error.message;
    throw error;
  }
}

function toolRecords(
  qemu: QemuBinary,
  subjects: Subjects,
  grub: ReadonlyMap<GrubVariant, GrubArtifact | string>,
  firmware: ReadonlyMap<string, FirmwareArtifact | string>,
): Record<string, ToolRecord> {
  const records: Record<string, ToolRecord> = {
    qemu: { version: qemu.version, sha256: qemu.sha256, path: qemu.path },
  };
  for (const [name, { label, sha256, imagePath }] of subjects)
    records[name] = { version: label, sha256, path: imagePath };
  for (const [variant, artifact] of grub) {
    if (typeof artifact === 'string') continue;
    const { build, media } = artifact;
    records[variant === 'standard' ? 'grub' : `grub ${variant}`] = {
      version: build.version,
      sha256: build.digest,
      path: build.directory,
    };
    for (const [kind, medium] of media)
      records[`medium ${kind}${variant === 'standard' ? '' : ` ${variant}`}`] = {
        version: build.version,
        sha256: medium.sha256,
        path: medium.path,
      };
  }
  for (const [key, artifact] of firmware) {
    if (typeof artifact === 'string' || artifact.path === undefined) continue;
    records[`firmware ${key}`] = {
      version: artifact.image.kind === 'bios' ? 'SeaBIOS, as QEMU finds it' : 'from its firmware descriptor',
      path: artifact.path,
      ...(artifact.sha256 === undefined ? {} : { sha256: artifact.sha256 }),
    };
  }
  return records;
}

/** Where the evidence of a survey or a probe goes, in a run's folder. */
export function preparationFolder(runDirectory: string, name: string): string {
  return join(runDirectory, 'preparation', name);
}
