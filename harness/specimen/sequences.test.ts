/** CLAIM: with empty regions the sequences specimen goes through its three modes and comes back, at any base. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { BootSession } from '../boot/boot-session.ts';
import type { SubjectDriver } from '../boot/subject-driver.ts';
import { bootMedium } from '../image/medium.ts';
import { packPayload } from '../image/payload.ts';
import { builtGrub } from '../image/testdata/built-grub.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { forcedWindow, withRelocatableTag } from '../multiboot2/relocatable-tag.ts';
import { specimenBuild } from './build.ts';
import { SEQUENCES_LINE } from './sequences.ts';

const folder = t.testdir({ cache: {} });
const context = { cacheRoot: join(folder, 'cache'), onProgress: () => {} };
const driver: SubjectDriver = {
  landmarks: [{ name: 'done', phase: 'subject', pattern: SEQUENCES_LINE }],
  ends: { done: 'expected' },
  stops: () => [],
  observe: async () => [],
};

for (const base of [0x20_0000, 0x340_0000, 0x6a0_0000])
  t.test(`at 0x${base.toString(16)}`, async (t) => {
    const directory = join(folder, base.toString(16));
    mkdirSync(directory);
    const { images } = await specimenBuild('sequences', context);
    const image = readFileSync(images.get('sequences')!);
    const kernel = withRelocatableTag(image, forcedWindow(base, 0x20_0000, 0x20_0000));
    const payload = join(directory, 'payload.tar');
    writeFileSync(payload, await packPayload({ choice: { choice: 'any', mode: 'boot' }, kernel }));
    const medium = await bootMedium('iso', await builtGrub(), context);
    await using session = await BootSession.launch({
      qemu: 'qemu-system-x86_64',
      spec: {
        ...{ machine: 'q35', accelerator: 'tcg', memoryMib: 256, firmware: { kind: 'bios' } },
        ...{ medium, payload },
      },
      directory,
      deadline: Deadline.in(60_000),
      driver,
    });
    const { end, loader } = await session.run();
    t.match(end, { kind: 'subject', meaning: 'expected' });
    t.equal(loader?.loadBase, base);
  });
