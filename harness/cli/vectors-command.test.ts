import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';

const MAIN = pathToFileURL(join(import.meta.dirname, 'main.ts')).href;
const START = `import { main } from ${JSON.stringify(MAIN)}; await main(process.argv.slice(1));`;

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function vectors(file: string, input = ''): Promise<Ended> {
  const argv = ['--import=tsx', '--input-type=module', '-e', START, '--', 'vectors', file];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, argv, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
    child.stdin?.on('error', () => undefined).end(input);
  });
}

const entry = (name: string, eax: number): string =>
  JSON.stringify({
    ...{ name, mode: 32, bytes: '40', initial: { regs: { eax: 1, eip: 0 } } },
    final: { regs: { eax, eip: 1 } },
  });

t.test('counts, failures by name, exit codes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vectors-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'a.json');
  await writeFile(file, `[${entry('good', 2)}]`);
  t.same(await vectors(file), { code: 0, stdout: '1 passed, 0 failed\n', stderr: '' });
  const mixed = await vectors('-', `[${entry('good', 2)},${entry('bad\u001b[2J', 3)}]`);
  t.match(mixed, { code: 1, stderr: '' });
  t.equal(mixed.stdout, 'FAIL bad\\x1b[2J (entry 1): rax is 0x2, expected 0x3\n1 passed, 1 failed\n');
});

t.test('what cannot be read, is no JSON or is malformed: exit 2', async (t) => {
  const missing = join(tmpdir(), 'vectors-test-that-is-not-there.json');
  t.match(await vectors(missing), { code: 2, stderr: /^loadbase: cannot read .*ENOENT/ });
  t.match(await vectors(tmpdir()), { code: 2, stderr: /^loadbase: cannot read .*EISDIR/ });
  t.match(await vectors('-', 'no'), {
    code: 2,
    stderr: /^loadbase: standard input is no JSON list of vectors/,
  });
  const malformed = await vectors('-', `[${entry('good', 2)},{"name":"\\u009b"}]`);
  t.match(malformed, {
    code: 2,
    stderr: /^loadbase: standard input: one entry is malformed:\n {2}entry 1 \("\\x9b"\): mode: /,
  });
});
