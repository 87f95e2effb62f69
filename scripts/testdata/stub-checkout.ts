import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Programs that note their call in `calls`; what they do beyond that, a test says in shell. */
const STUBS: Readonly<Record<string, string>> = {
  node: `case $1 in --version) echo "\${NODE_VERSION:-v20.12.0}" ;; -e) exec "${process.execPath}" "$@" ;; *) note "$@" ;; esac`,
  npm: 'note "$@"; if [ "$1" = ci ]; then rm -rf node_modules; mkdir node_modules; fi',
  'apt-get': 'note "$@"',
  'dpkg-query': 'echo "|one installed||two $STATE_OF_TWO|"',
  sudo: 'exit 1',
  id: 'echo "${USER_ID:-0}"',
};

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A checkout with our scripts, two packages to want, and stubs in place of the programs that the scripts call. */
export class StubCheckout {
  readonly #stubs: string;
  readonly #calls: string;

  /** @param folder an empty folder; the checkout's path has a space in it. */
  constructor(
    folder: string,
    readonly root = join(folder, 'a checkout'),
  ) {
    this.#stubs = join(folder, 'stubs');
    this.#calls = join(folder, 'calls');
    for (const path of ['harness/bits', 'scenarios', 'bin', 'scripts'])
      mkdirSync(join(this.root, path), { recursive: true });
    mkdirSync(this.#stubs);
    for (const name of ['setup.sh', 'start.sh', 'test.sh'])
      cpSync(join(import.meta.dirname, '..', name), join(this.root, 'scripts', name));
    cpSync(join(import.meta.dirname, '../../.ci'), join(this.root, '.ci'), { recursive: true });
    this.write('scripts/debian-packages.txt', '# heading\n\none  # why\ntwo\n');
    for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])
      this.write(name, '{}');
    for (const [name, body] of Object.entries(STUBS)) this.stub(name, body);
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text);
  }

  /** Replaces a program. `note "$@"` writes the call down. */
  stub(name: string, body: string): void {
    const note = `note() { echo "${name} $*" >>"${this.#calls}"; }`;
    const path = join(this.#stubs, name);
    writeFileSync(path, `#!/bin/sh\n${note}\n${body}\n`);
    chmodSync(path, 0o755);
  }

  /** The calls noted since the last time. */
  calls(): string[] {
    const text = existsSync(this.#calls) ? readFileSync(this.#calls, 'utf8') : '';
    writeFileSync(this.#calls, '');
    return text.split('\n').filter((line) => line !== '');
  }

  /** Runs one of the checkout's scripts with the stubs first on PATH and no standard input. */
  run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const [file = 'sh', ...args] = command;
    const child = spawn(file, args, {
      cwd: this.root,
      env: { PATH: `${this.#stubs}:/usr/bin:/bin`, STATE_OF_TWO: 'installed', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }
}
