/** A run's artifacts with a fake QEMU, a small image and no GRUB: everything but the machine is real. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BootMedium } from '../../image/medium.ts';
import type { GrubBuild } from '../../grub/build.ts';
import { header, image, RELOCATABLE } from '../../multiboot2/testdata/image-builder.ts';
import { fakeQemu, type Bench } from '../../qemu/testdata/bench.ts';
import { loadDisassembler } from '../../x86/disassembler.ts';
import { firmwareKey, type Artifacts, type FirmwareArtifact, type GrubArtifact } from '../artifacts.ts';
import type { Expectation, GrubVariant, HostRecord, Instance } from '../contract.ts';
import { instanceName } from '../instance-name.ts';
import { windowOf } from '../expectation.ts';
import type { ReadyInstance } from '../plan.ts';
import type { Scenario } from '../scenario.ts';
import { loadSubject, type Subject } from '../subject.ts';
import type { MemoryRegion } from '../../grub/memory-map.ts';

/** What the fake loaders print. */
export const MEMORY_MAP: readonly MemoryRegion[] = [
  { start: 0, end: 0x9fc00, use: 'free', label: 'available RAM' },
  { start: 0xf0000, end: 0x100000, use: 'reserved', label: 'reserved RAM' },
  { start: 0x100000, end: 0x4000000, use: 'free', label: 'available RAM' },
];

/** A base at which the image would reach past the end of that memory. */
export const REFUSED_BASE = 0x3fff000;

/** The scenario of the instances below. */
export const SMALL: Scenario = {
  name: 'small',
  claim: 'It is small.',
  given: () => ({ arguments: 'console=com1', misalignedText: 'ERR: misaligned!' }),
  instances: () => [],
};

export async function smallSubject(folder: string): Promise<Subject> {
  const path = join(folder, 'image');
  writeFileSync(path, image(header([RELOCATABLE])));
  return loadSubject('xen', path, undefined, 'small');
}

export async function fakeArtifacts(at: Bench, qemu: string): Promise<Artifacts> {
  const { path } = at.spec.medium;
  const grub = {
    build: { version: '2.06-fake', digest: '0'.repeat(64), directory: at.directory } as unknown as GrubBuild,
    media: new Map([['iso', { path, sha256: '1'.repeat(64) } as unknown as BootMedium]] as const),
  };
  return {
    qemu: { path: fakeQemu(qemu), version: '7.2.22', sha256: '2'.repeat(64) },
    subjects: new Map([['xen', await smallSubject(at.directory)]]),
    grub: new Map<GrubVariant, GrubArtifact | string>([
      ['standard', grub],
      ['no-relocation', 'it cannot be made'],
    ]),
    firmware: new Map<string, FirmwareArtifact | string>([
      [firmwareKey('bios', 'q35'), { image: { kind: 'bios' }, path: undefined, sha256: undefined }],
      [firmwareKey('efi', 'q35'), 'there is no OVMF'],
    ]),
    disassembler: await loadDisassembler(),
    tools: { qemu: { version: '7.2.22' } },
  };
}

export function instance(more: Partial<Instance> = {}): Instance {
  const whole: Omit<Instance, 'name'> = {
    scenario: SMALL.name,
    subject: 'xen',
    firmware: 'bios',
    machine: 'q35',
    medium: 'iso',
    protocol: 'multiboot2',
    grubVariant: 'standard',
    memoryMib: 64,
    base: { kind: 'at', address: REFUSED_BASE },
    ...more,
  };
  return { ...whole, name: instanceName(whole) };
}

/** Planned by hand: refused as the memory map predicts, unless `expectation` says otherwise. */
export async function planned(
  at: Bench,
  more: Partial<Instance> = {},
  expectation?: Expectation,
): Promise<ReadyInstance> {
  const { payload: _, ...spec } = at.spec;
  const one = instance(more);
  const subject = await smallSubject(at.directory);
  return {
    kind: 'ready',
    instance: one,
    subject,
    given: SMALL.given(one),
    window: windowOf(one, subject.image, REFUSED_BASE, MEMORY_MAP),
    spec,
    base: REFUSED_BASE,
    expectation: expectation ?? { kind: 'refused', base: REFUSED_BASE, reason: 'there is no memory' },
    memoryMap: MEMORY_MAP,
    loaderName: 'GRUB 2.06-fake',
  };
}

export const HOST: HostRecord = {
  ...{ platform: 'linux x64', kernel: '6.1.0', cpu: 'some', cores: 2, memoryMib: 4096, node: 'v20.20.0' },
};

export function runFolder(at: Bench): string {
  const path = join(at.directory, 'run');
  mkdirSync(path);
  return path;
}
