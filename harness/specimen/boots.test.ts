/** CLAIM: GRUB 2.06 on a BIOS cannot enter a 64-bit image, and mended as upstream 968928240 did it can. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { BootSession } from '../boot/boot-session.ts';
import { CPU_LOG, saysTripleFault } from '../boot/cpu-log.ts';
import type { SubjectDriver } from '../boot/subject-driver.ts';
import type { GrubVariant } from '../grub/variants.ts';
import { bootMedium } from '../image/medium.ts';
import { packPayload } from '../image/payload.ts';
import { builtGrub } from '../image/testdata/built-grub.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { findEfiFirmware } from '../qemu/firmware.ts';
import { BIOS_64BIT_ENTRY_LINE } from './bios-64bit-entry.ts';
import { specimenBuild } from './build.ts';

const folder = t.testdir({ cache: {} });
const context = { cacheRoot: join(folder, 'cache'), onProgress: () => {} };
const driver: SubjectDriver = {
  landmarks: [{ name: 'reached', phase: 'subject', pattern: BIOS_64BIT_ENTRY_LINE }],
  ends: { reached: 'expected' },
  stops: () => [],
  observe: async () => [],
};

async function boot(variant: GrubVariant, firmware: 'bios' | 'efi' = 'bios') {
  const directory = join(folder, `${variant}-${firmware}`);
  mkdirSync(directory);
  const { images } = await specimenBuild('bios-64bit-entry', context);
  const kernel = readFileSync(images.get('bios-64bit-entry')!);
  const payload = join(directory, 'payload.tar');
  const choice = { choice: variant, mode: 'boot', protocol: 'kfreebsd' } as const;
  writeFileSync(payload, await packPayload({ choice, kernel }));
  const medium = await bootMedium('iso', await builtGrub(variant), context);
  const machine = { machine: 'q35', accelerator: 'tcg', memoryMib: 256 } as const;
  const image = firmware === 'efi' ? await findEfiFirmware('q35') : ({ kind: 'bios' } as const);
  await using session = await BootSession.launch({
    qemu: 'qemu-system-x86_64',
    spec: { ...machine, firmware: image, medium, payload },
    directory,
    deadline: Deadline.in(60_000),
    driver,
  });
  const record = await session.run();
  return { record, isTripleFault: saysTripleFault(readFileSync(join(directory, CPU_LOG), 'utf8')) };
}

t.test('as it is: a triple fault, and not a word', async (t) => {
  const { record, isTripleFault } = await boot('standard');
  t.match(record.end, { kind: 'machine', end: { kind: 'reset' } });
  t.ok(isTripleFault);
  t.notOk(record.subjectLines.some((line) => BIOS_64BIT_ENTRY_LINE.test(line)));
});

t.test('mended: its line, once', async (t) => {
  const { record, isTripleFault } = await boot('relocator64-mended');
  t.match(record.end, { kind: 'subject', meaning: 'expected' });
  t.notOk(isTripleFault);
  t.equal(record.subjectLines.filter((line) => BIOS_64BIT_ENTRY_LINE.test(line)).length, 1);
});

t.test('on UEFI the command is not there, which is a refusal', async (t) => {
  const { record } = await boot('standard', 'efi');
  t.match(record.end, { kind: 'refused', errors: [/kfreebsd/] });
});
