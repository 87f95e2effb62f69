/** CLAIM: what is wrong with the host is not blamed on Xen: exit code 3, the cause, and the next step. */
import { chmod, mkdir, readFile, symlink } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { findProgram } from '../harness/qemu/binary.ts';
import { BIN, type CommandOptions, loadbase, start } from './command.ts';

const BOOT = 'xen-early-boot~bios~base-0x03e00000';

async function ends3(
  t: Test,
  args: readonly string[],
  says: RegExp,
  options?: CommandOptions,
): Promise<void> {
  const { code, stderr } = await loadbase(['run', BOOT, ...args], options);
  t.equal(code, 3, `exit code; standard error: ${stderr}`);
  t.match(stderr, says);
  t.notMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
}

/** A folder with all programs of $PATH but QEMU's, as links. */
async function pathWithoutQemu(folder: string): Promise<string> {
  const path = join(folder, 'programs');
  await mkdir(path);
  const taken = new Set<string>();
  for (const place of (process.env['PATH'] ?? '').split(':').filter((each) => existsSync(each)))
    for (const name of readdirSync(place)) {
      if (taken.has(name) || name.startsWith('qemu')) continue;
      taken.add(name);
      await symlink(join(place, name), join(path, name));
    }
  return path;
}

t.test('a folder for results that cannot be made', async (t) => {
  const folder = t.testdir({ file: '' });
  await ends3(
    t,
    ['--out', join(folder, 'file', 'run')],
    /can not write in .*\/file.*choose another folder with --out/,
  );
});

t.test('QEMU is missing', async (t) => {
  const PATH = await pathWithoutQemu(t.testdir({}));
  const says = /qemu-system-x86_64 is not installed\. On Debian: apt-get install qemu-system-x86/;
  await ends3(t, ['--out', join(t.testdirName, 'run')], says, { env: { PATH } });
});

t.test('QEMU is too old', async (t) => {
  const folder = t.testdir({
    'qemu-system-x86_64': '#!/bin/sh\necho "QEMU emulator version 6.2.0 (Debian 1:6.2)"\n',
  });
  await chmod(join(folder, 'qemu-system-x86_64'), 0o755);
  const PATH = `${folder}:${process.env['PATH'] ?? ''}`;
  const says = /qemu-system-x86_64 is QEMU 6\.2\.0; loadbase needs 7\.2\.0 or newer/;
  await ends3(t, ['--out', join(folder, 'run')], says, { env: { PATH } });
});

t.test('QEMU does not start', async (t) => {
  const real = await findProgram('qemu-system-x86_64', process.env['PATH'] ?? '');
  const folder = t.testdir({
    'qemu-system-x86_64': `#!/bin/sh
case $1 in --version | -L) exec ${real} "$@" ;; esac
echo 'no such machine' >&2
exit 1
`,
  });
  await chmod(join(folder, 'qemu-system-x86_64'), 0o755);
  const PATH = `${folder}:${process.env['PATH'] ?? ''}`;
  const { code, stdout, stderr } = await loadbase(['run', BOOT, '--out', join(folder, 'run')], {
    env: { PATH },
  });
  t.equal(code, 3, `exit code; standard error: ${stderr}`);
  t.match(stdout, /error .*\n[^]*QEMU exited with 1 before it could be talked to: no such machine/);
  t.notMatch(stdout + stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
});

/** In a mount namespace of its own the descriptors of all firmware are hidden. */
async function withoutFirmware(args: readonly string[]) {
  const hide =
    'for f in /etc/qemu/firmware /usr/share/qemu/firmware; do [ ! -d $f ] || mount -t tmpfs none $f; done';
  const command = ['--mount', '--user', '--map-root-user', 'sh', '-c', `${hide} || exit 99; exec "$@"`, 'sh'];
  await using running = start('unshare', [...command, process.execPath, BIN, ...args]);
  return await running.ended;
}

t.test('UEFI firmware is missing', async (t) => {
  const probe = await withoutFirmware(['--version']);
  if (probe.code !== 0) return t.plan(0, `no mount namespace can be made here: ${probe.stderr}`);
  const out = join(t.testdir({}), 'run');
  const efi = 'xen-early-boot~efi~base-0x03e00000';
  const run = await withoutFirmware(['run', efi, BOOT, '--out', out, '--reporter', 'tap']);
  t.equal(run.code, 0, 'an instance that cannot be booted here is skipped, the others are run');
  t.match(run.stdout, /^ok \d+ - \S*~efi~\S+ # SKIP .*apt-get install ovmf/m);
  t.match(run.stdout, /^ok \d+ - \S*~bios~\S+ # time=/m);
  t.match(await readFile(join(out, 'results.json'), 'utf8'), /"skip": 1/);
  const asked = await withoutFirmware(['run', efi, '--firmware', 'efi', '--out', out]);
  t.equal(asked.code, 3, 'asked for by name it is not left out');
  t.match(asked.stderr, /apt-get install ovmf/);
  const doctor = await withoutFirmware(['doctor']);
  t.equal(doctor.code, 3);
  t.match(doctor.stdout, /apt-get install .*ovmf/);
});

t.test('a cache that cannot be written', async (t) => {
  const folder = t.testdir({ file: '' });
  const env = { XDG_CACHE_HOME: join(folder, 'file') };
  await ends3(t, ['--out', join(folder, 'run')], /\/file\/loadbase/, { env });
});
