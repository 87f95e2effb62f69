/** A place to run fake QEMUs in, which knows afterwards whether one is left. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Deadline } from '../../lifetime/deadline.ts';
import { poll } from '../../lifetime/poll.ts';
import { isAlive } from '../../process/testdata/is-alive.ts';
import type { MachineSpec } from '../machine-spec.ts';

export const fakeQemu = (name: string): string => join(import.meta.dirname, `${name}.js`);

export interface Bench {
  readonly directory: string;
  readonly stderrPath: string;
  readonly spec: MachineSpec;
  /** The process number that the fake QEMU told in `stderrPath`, or in that of an instance. */
  pid(stderrPath?: string): number;
  /** Nothing is left: no process, no socket folder. */
  isTidy(stderrPath?: string): Promise<boolean>;
}

/** The system's folder for temporary files is one of its own until the test ends: socket folders are seen there. */
export function bench(t: Test): Bench {
  const directory = t.testdir();
  // In a short place, as socket paths must be.
  const temporary = mkdtempSync('/tmp/lb-');
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = temporary;
  t.teardown(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(temporary, { recursive: true });
  });
  const stderrPath = join(directory, 'qemu.stderr');
  const [medium, payload] = ['medium.iso', 'payload.tar'].map((name) => join(directory, name)) as [
    string,
    string,
  ];
  for (const path of [medium, payload]) writeFileSync(path, 'mode=boot\n');
  const pid = (path = stderrPath) => Number(/^pid (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1]);
  return {
    directory,
    stderrPath,
    spec: {
      ...{ machine: 'q35', accelerator: 'tcg', memoryMib: 64, firmware: { kind: 'bios' } },
      ...{ medium: { kind: 'iso', path: medium }, payload },
    },
    pid,
    isTidy: async (path) => {
      await poll('the end of the fake QEMU', Deadline.in(5000), () => !isAlive(pid(path)) || undefined);
      return readdirSync(temporary).length === 0;
    },
  };
}
