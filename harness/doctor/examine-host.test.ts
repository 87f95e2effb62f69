import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { DoctorReport } from '../scenario/doctor-report.ts';
import { examineHost, type HostExamination } from './examine-host.ts';
import { PROGRAMS } from './programs.ts';

/** A $PATH with every program there is a need for, less `without`; they say nothing. QEMU says `qemu`. */
function pathWith(folder: string, qemu: string | undefined, without: readonly string[] = []): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const write = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  for (const { program } of PROGRAMS) if (!without.includes(program)) write(program, 'exit 0');
  if (qemu !== undefined) write('qemu-system-x86_64', qemu);
  return bin;
}

const NEW = "echo 'QEMU emulator version 9.1.0'";

function examine(t: Test, more: Partial<HostExamination> & { cacheRoot?: string }): Promise<DoctorReport> {
  const { cacheRoot = join(t.testdir(), 'cache'), ...rest } = more;
  return examineHost({
    searchPath: '',
    nodeVersion: 'v20.20.0',
    kernelRelease: '6.1.0',
    context: { cacheRoot, onProgress: () => undefined },
    ...rest,
  });
}

const need = ({ needs }: DoctorReport, name: string) => needs.find((candidate) => candidate.name === name);

t.test('all that is missing at once, and one command that brings it', async (t) => {
  const empty = join(t.testdir(), 'empty');
  const report = await examine(t, { searchPath: empty });
  t.match(need(report, 'QEMU'), { state: 'missing', needed: 'package qemu-system-x86' });
  for (const { program, optional } of PROGRAMS)
    t.equal(need(report, program)?.state, optional ? 'optional-missing' : 'missing', program);
  t.match(report.nextAction, /^apt-get install --no-install-recommends .*qemu-system-x86.*xorriso mtools/);
  t.equal(
    report.nextAction?.split(' ').filter((word) => word === 'util-linux').length,
    1,
    'each package once',
  );
  t.notMatch(report.nextAction, /\bgdb\b/, 'what is optional is not urged');
});

t.test('one program', async (t) => {
  const folder = t.testdir();
  const report = await examine(t, {
    searchPath: pathWith(folder, NEW, ['xorriso']),
    cacheRoot: join(folder, 'cache'),
  });
  t.match(need(report, 'xorriso'), {
    state: 'missing',
    needed: 'package xorriso',
    detail: 'packs the boot ISO',
  });
  t.match(need(report, 'mformat'), { state: 'ok', found: join(folder, 'bin', 'mformat') });
  t.match(report.nextAction, /^apt-get install --no-install-recommends xorriso /);
});

t.test('what no package of this Debian mends has a step of its own', async (t) => {
  const folder = t.testdir();
  const cacheRoot = join(folder, 'cache');
  const old = await examine(t, {
    searchPath: pathWith(folder, "echo 'QEMU emulator version 5.2.0'"),
    cacheRoot,
  });
  t.match(need(old, 'QEMU'), { state: 'too-old', needed: 'at least 7.2.0', detail: /is QEMU 5\.2\.0/ });
  t.match(old.nextAction, /^install QEMU 7\.2\.0 or newer: /);
  const broken = await examine(t, {
    searchPath: pathWith(folder, "echo 'libfoo.so: cannot open' >&2; exit 127"),
    cacheRoot,
  });
  t.match(need(broken, 'QEMU'), { state: 'broken', detail: /libfoo\.so/ });
  t.match(broken.nextAction, /^install QEMU 7\.2\.0 or newer: .*libfoo\.so/s);
  const node = await examine(t, { searchPath: pathWith(folder, NEW), cacheRoot, nodeVersion: 'v18.19.0' });
  t.match(need(node, 'Node'), { state: 'too-old', found: 'v18.19.0' });
  t.match(node.nextAction, /^install Node 20\.12\.0 or newer$/);
});

t.test('a cache that cannot be written', async (t) => {
  const folder = t.testdir({ taken: 'a file' });
  const report = await examine(t, {
    searchPath: pathWith(folder, NEW),
    cacheRoot: join(folder, 'taken', 'cache'),
  });
  t.match(need(report, 'cache'), { state: 'broken', detail: /ENOTDIR/ });
  t.equal(report.nextAction, 'make the cache folder writable, or set XDG_CACHE_HOME');
});

t.test('with all tools there, what is left is to build; nothing is proved before', async (t) => {
  const folder = t.testdir();
  const cacheRoot = join(folder, 'cache');
  const report = await examine(t, { searchPath: pathWith(folder, NEW), cacheRoot });
  t.match(need(report, 'QEMU'), { state: 'ok', found: /^9\.1\.0 / });
  t.match(need(report, 'accelerator'), { state: 'optional-missing', detail: /^not proved yet: that takes/ });
  t.match(need(report, 'GRUB build'), { state: 'missing' });
  t.equal(report.nextAction, 'npx loadbase build');
  t.notOk(existsSync(join(cacheRoot, 'accelerators')));
});

t.test('frozen machines are counted, where there are any', async (t) => {
  const cacheRoot = join(t.testdir({}), 'cache');
  t.equal(need(await examine(t, { cacheRoot }), 'cache')?.detail, undefined);
  for (const name of ['frozen-a', 'frozen-b', 'grub']) {
    mkdirSync(join(cacheRoot, 'entries', name), { recursive: true });
    writeFileSync(join(cacheRoot, 'entries', name, 'ram'), Buffer.alloc(600 * 1024));
  }
  t.match(need(await examine(t, { cacheRoot }), 'cache'), {
    state: 'ok',
    detail: 'frozen machines: 2, 2 MiB (the oldest go beyond 4 GiB)',
  });
});
