/** Everything a run needs, looked at at once, with one next action. Builds nothing; boots only to prove an accelerator. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '../bits/align.ts';
import { proveAccelerator } from '../boot/accelerator-proof.ts';
import { FROZEN_PREFIX } from '../boot/frozen-request.ts';
import { grubBuildIfCached } from '../grub/build.ts';
import { bootMedium } from '../image/medium.ts';
import {
  compareVersions,
  findProgram,
  findQemu,
  OLDEST_QEMU,
  QemuMissingError,
  QemuTooOldError,
  sha256OfFile,
  type QemuBinary,
} from '../qemu/binary.ts';
import { findEfiFirmware } from '../qemu/firmware.ts';
import type { FirmwareImage } from '../qemu/machine-spec.ts';
import type { DoctorNeed, DoctorReport } from '../scenario/doctor-report.ts';
import { entrySizes } from '../toolchain/eviction.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { xenBuildIfCached } from '../xen/build.ts';
import { PROGRAMS } from './programs.ts';

export interface HostExamination {
  readonly searchPath: string;
  readonly nodeVersion: string;
  readonly kernelRelease: string;
  readonly context: ToolchainContext;
}

const OLDEST_NODE = '20.12.0';

/** Never throws for what the host lacks: that is what the report says. */
export async function examineHost(host: HostExamination): Promise<DoctorReport> {
  const [programs, qemu, builds, ...firmware] = await Promise.all([
    examinePrograms(host.searchPath),
    examineQemu(host.searchPath),
    examineBuilds(host.context),
    examineFirmware('q35'),
    examineFirmware('pc'),
  ]);
  const accelerators =
    qemu.binary && builds.grub
      ? await examineAccelerators(host, qemu.binary, builds.grub, firmware[0]?.image).catch(notProvable)
      : [unproved('that takes a probe boot, which needs QEMU and GRUB')];
  const needs = [
    examineNode(host.nodeVersion),
    qemu.need,
    ...firmware.map(({ need }) => need),
    ...accelerators,
    ...programs,
    await examineCache(host.context.cacheRoot),
    ...builds.needs,
  ];
  const nextAction = next(needs);
  return nextAction === undefined ? { needs } : { needs, nextAction };
}

function examineNode(version: string): DoctorNeed {
  const ok = compareVersions(version.replace(/^v/, ''), OLDEST_NODE) >= 0;
  return { name: 'Node', state: ok ? 'ok' : 'too-old', found: version, needed: `at least ${OLDEST_NODE}` };
}

async function examinePrograms(searchPath: string): Promise<DoctorNeed[]> {
  return Promise.all(
    PROGRAMS.map(async ({ program, debianPackage, what, optional }): Promise<DoctorNeed> => {
      const path = await findProgram(program, searchPath);
      if (path !== undefined) return { name: program, state: 'ok', found: path };
      return {
        name: program,
        state: optional ? 'optional-missing' : 'missing',
        needed: `package ${debianPackage}`,
        detail: what,
      };
    }),
  );
}

async function examineQemu(searchPath: string): Promise<{ need: DoctorNeed; binary?: QemuBinary }> {
  const name = 'QEMU';
  try {
    const binary = await findQemu(searchPath);
    return { need: { name, state: 'ok', found: `${binary.version} (${binary.path})` }, binary };
  } catch (error) {
    const detail = messageOf(error);
    if (error instanceof QemuTooOldError)
      return { need: { name, state: 'too-old', needed: `at least ${OLDEST_QEMU}`, detail } };
    if (error instanceof QemuMissingError)
      return { need: { name, state: 'missing', needed: 'package qemu-system-x86', detail } };
    return { need: { name, state: 'broken', detail } };
  }
}

async function examineFirmware(machine: 'q35' | 'pc'): Promise<{ need: DoctorNeed; image?: FirmwareImage }> {
  const name = `UEFI firmware (${machine})`;
  try {
    const image = await findEfiFirmware(machine);
    return { need: { name, state: 'ok', found: image.kind === 'efi' ? image.executable : 'SeaBIOS' }, image };
  } catch (error) {
    return { need: { name, state: 'missing', needed: 'package ovmf', detail: messageOf(error) } };
  }
}

async function examineCache(cacheRoot: string): Promise<DoctorNeed> {
  try {
    const probe = join(cacheRoot, `.doctor-${process.pid}`);
    await mkdir(probe, { recursive: true });
    await rm(probe, { recursive: true });
    const { count, sizeBytes } = await entrySizes(cacheRoot, FROZEN_PREFIX);
    const detail = `frozen machines: ${count}, ${Math.ceil(sizeBytes / MIB)} MiB (the oldest go beyond 4 GiB)`;
    return { name: 'cache', state: 'ok', found: cacheRoot, ...(count > 0 ? { detail } : {}) };
  } catch (error) {
    return { name: 'cache', state: 'broken', found: cacheRoot, detail: messageOf(error) };
  }
}

async function examineBuilds(context: ToolchainContext) {
  const grub = await grubBuildIfCached(
    { source: { kind: 'debian', package: 'grub2' }, variant: 'standard' },
    context,
  ).catch(() => undefined);
  const xen = await xenBuildIfCached({ source: { kind: 'debian', package: 'xen' } }, context).catch(
    () => undefined,
  );
  const need = (name: string, found: string | undefined): DoctorNeed =>
    found === undefined
      ? {
          name,
          state: 'missing',
          needed: 'loadbase build',
          detail: 'built from source on first use, about a minute each',
        }
      : { name, state: 'ok', found };
  return { grub, needs: [need('GRUB build', grub?.version), need('Xen build', xen?.sourceLabel)] };
}

async function examineAccelerators(
  { kernelRelease, context }: HostExamination,
  qemu: QemuBinary,
  grub: NonNullable<Awaited<ReturnType<typeof grubBuildIfCached>>>,
  efi: FirmwareImage | undefined,
): Promise<DoctorNeed[]> {
  const medium = await bootMedium('iso', grub, context);
  const firmwares: readonly (readonly [string, FirmwareImage])[] = [
    ['bios-q35', { kind: 'bios' }],
    ...(efi ? [['efi-q35', efi] as const] : []),
  ];
  const needs: DoctorNeed[] = [];
  for (const [key, firmware] of firmwares) {
    const sha256 = firmware.kind === 'efi' ? await sha256OfFile(firmware.executable) : null;
    const proof = await proveAccelerator({
      qemu: qemu.path,
      spec: {
        machine: 'q35',
        accelerator: 'tcg',
        memoryMib: 2560,
        firmware,
        medium: { kind: 'iso', path: medium.path },
      },
      directory: join(context.cacheRoot, 'accelerators', `evidence-${key}`),
      cacheRoot: context.cacheRoot,
      inputs: { qemu: qemu.sha256, kernel: kernelRelease, firmware: sha256, key },
      onProbe: () =>
        context.onProgress({
          task: 'accelerator',
          step: `does KVM boot ${key}?`,
          state: 'started',
          typicalMs: 3_000,
        }),
    });
    needs.push({ name: `accelerator (${key})`, state: 'ok', found: proof.accelerator, detail: proof.reason });
  }
  return needs;
}

function unproved(why: string): DoctorNeed {
  return { name: 'accelerator', state: 'optional-missing', detail: `not proved yet: ${why}` };
}

/** No medium can be packed, or the answer cannot be kept: other needs in the report say why. */
function notProvable(error: unknown): DoctorNeed[] {
  return [unproved(messageOf(error))];
}

/** One step that brings the most: what comes first here is in the way of what comes later. */
function next(needs: readonly DoctorNeed[]): string | undefined {
  const wanting = needs.filter(({ state }) => ['missing', 'too-old', 'broken'].includes(state));
  const packages = wanting.flatMap(({ needed }) => /^package (.+)$/.exec(needed ?? '')?.[1] ?? []);
  if (packages.length > 0)
    return `apt-get install --no-install-recommends ${[...new Set(packages)].join(' ')}   (or npm start, which installs everything)`;
  const lacks = (need: string) => wanting.find(({ name }) => name === need);
  if (lacks('Node')) return `install Node ${OLDEST_NODE} or newer`;
  const qemu = lacks('QEMU');
  if (qemu) return `install QEMU ${OLDEST_QEMU} or newer: ${qemu.detail ?? ''}`;
  if (lacks('cache')) return 'make the cache folder writable, or set XDG_CACHE_HOME';
  return wanting.length > 0 ? 'npx loadbase build' : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
