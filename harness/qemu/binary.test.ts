import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { compareVersions, findQemu, parseQemuVersion, QemuMissingError, QemuTooOldError } from './binary.ts';

t.test('versions', async (t) => {
  t.equal(parseQemuVersion('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright'), '7.2.22');
  t.equal(parseQemuVersion('GNU gdb 13.1'), undefined);
  t.ok(compareVersions('7.2.0', '7.10.0') < 0);
  t.ok(compareVersions('8.0.0', '7.10.9') > 0);
  t.equal(compareVersions('7.2.0', '7.2'), 0);
});

t.test('missing, too old and unknown programs are told apart', async (t) => {
  const folder = t.testdir();
  const fake = async (name: string, says: string) => {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
    await chmod(path, 0o755);
  };
  await fake('qemu-old', 'QEMU emulator version 5.2.0');
  await fake('qemu-odd', 'hello');
  await fake('qemu-new', 'QEMU emulator version 9.1.0 (x)');
  await t.rejects(findQemu(folder, 'qemu-none'), QemuMissingError);
  await t.rejects(findQemu(folder, 'qemu-old'), QemuTooOldError);
  await t.rejects(findQemu(folder, 'qemu-odd'), /of no known version/);
  t.match(await findQemu(folder, 'qemu-new'), { version: '9.1.0', sha256: /^[0-9a-f]{64}$/ });
});
