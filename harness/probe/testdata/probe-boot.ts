/** Boots an image through the real GRUB medium until the probe's record ends, the guest dies or floods. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BootRecord } from '../../boot/boot-record.ts';
import { BootSession } from '../../boot/boot-session.ts';
import type { SubjectDriver } from '../../boot/subject-driver.ts';
import { bootMedium } from '../../image/medium.ts';
import { packPayload } from '../../image/payload.ts';
import { builtGrub } from '../../image/testdata/built-grub.ts';
import { Deadline } from '../../lifetime/deadline.ts';
import { findEfiFirmware } from '../../qemu/firmware.ts';
import { PROBE_BEGIN, PROBE_END } from '../record.ts';

export interface ProbeBoot {
  readonly firmware: 'bios' | 'efi';
  readonly image: Uint8Array;
  /** 256 where left out. */
  readonly memoryMib?: number;
  readonly cpuFeatures?: readonly string[];
  readonly arguments?: string;
  /** `record`: its end line ends the boot, which is quick. `still`: it ends when the CPU does, whatever was said. */
  readonly until: 'record' | 'still';
  /** Done while the machine is held at the entry. */
  readonly atEntry?: { readonly address: number; readonly act: (session: BootSession) => Promise<void> };
}

export interface ProbeBooted {
  readonly record: BootRecord;
  /** From QEMU's start to the hand-off, and from there to the last word. */
  readonly loadingMs: number;
  readonly reportingMs: number;
}

const driver = ({ until, atEntry }: ProbeBoot, session: () => BootSession): SubjectDriver => ({
  landmarks: [
    { name: 'record begins', phase: 'subject', pattern: PROBE_BEGIN },
    { name: 'record ends', phase: 'subject', pattern: PROBE_END },
  ],
  ends: until === 'record' ? { 'record ends': 'expected' } : {},
  stops: () => (atEntry ? [{ name: 'entry', address: BigInt(atEntry.address) }] : []),
  observe: async () => {
    await atEntry?.act(session());
    return [];
  },
});

/** @param folder takes the evidence and the packed medium; it exists. */
export async function bootProbe(boot: ProbeBoot, folder: string, name: string): Promise<ProbeBooted> {
  const directory = join(folder, name);
  mkdirSync(directory);
  const payload = join(directory, 'payload.tar');
  const choice = { choice: name, mode: 'boot', arguments: boot.arguments ?? '' } as const;
  writeFileSync(payload, await packPayload({ choice, kernel: boot.image }));
  const context = { cacheRoot: join(folder, 'cache'), onProgress: () => {} };
  const medium = await bootMedium('iso', await builtGrub(), context);
  const firmware = boot.firmware === 'efi' ? await findEfiFirmware('q35') : ({ kind: 'bios' } as const);
  const { memoryMib = 256, cpuFeatures = [] } = boot;
  const machine = { machine: 'q35', accelerator: 'tcg', memoryMib, cpuFeatures } as const;
  let handedOverMs = Number.NaN;
  const startedMs = performance.now();
  await using session = await BootSession.launch({
    qemu: 'qemu-system-x86_64',
    spec: { ...machine, firmware, medium, payload },
    directory,
    deadline: Deadline.in(60_000),
    driver: driver(boot, () => session),
    onPhase: (phase) => {
      if (phase === 'subject') handedOverMs = performance.now();
    },
  });
  const record = await session.run();
  return {
    record: { ...record, subjectLines: session.console.lines('subject') },
    loadingMs: handedOverMs - startedMs,
    reportingMs: performance.now() - handedOverMs,
  };
}
