/**
 * System calls that Node has no name for: lseek(2) with SEEK_DATA and SEEK_HOLE, and mkfifo(3). A perl answers them line
 * by line (perl-base is Essential in Debian): one process for thousands of machines, for a fork of the harness costs a
 * boot some 8 ms. It ends with the harness, whose end of the pipe it reads.
 */
import { execa } from 'execa';
import { CommandMissingError } from './errors.ts';

const ANSWERS = `
use POSIX ();
$| = 1;
while (defined(my $line = <STDIN>)) {
  chomp $line;
  my ($call, $path) = split / /, $line, 2;
  $! = 0;
  if ($call eq "mkfifo") { print POSIX::mkfifo($path, 0600) ? "ok\\n" : "failed $!\\n"; next }
  open(my $file, "<", $path) or do { print "failed $!\\n"; next };
  my ($at, $found) = (0, "");
  while (defined(my $data = sysseek($file, $at, 3))) {
    $at = sysseek($file, $data, 4) // last;
    $found .= ($data + 0) . "-" . ($at + 0) . ",";
  }
  # Past the last data: the one error that is an answer (lseek(2)).
  print $! == POSIX::ENXIO ? "ok $found\\n" : "failed $!\\n";
}`;

/** A system call failed, as errno(3) says it. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  constructor(call: string, path: string, reason: string) {
    super(`${call} ${path}: ${reason}`);
  }
}

/** Parts of a sparse file that hold data, ascending, in bytes; `end` is the first past it. @throws SystemCallError */
export async function dataExtents(path: string): Promise<{ readonly start: number; readonly end: number }[]> {
  const answer = await call('extents', path);
  return answer
    .split(',')
    .filter((extent) => extent !== '')
    .map((extent) => {
      const [start, end] = extent.split('-').map(Number) as [number, number];
      return { start, end };
    });
}

/** Makes a named pipe that only its owner may use. @throws SystemCallError */
export async function makeFifo(path: string): Promise<void> {
  await call('mkfifo', path);
}

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

interface Answerer {
  ask(line: string): Promise<string>;
}

let answerer: Answerer | undefined;

async function call(name: string, path: string): Promise<string> {
  if (path.includes('\n')) throw new SystemCallError(name, JSON.stringify(path), 'a line break in its name');
  answerer ??= startAnswerer(() => (answerer = undefined));
  const line = await answerer.ask(`${name} ${path}\n`);
  if (line.startsWith('ok')) return line.slice('ok '.length);
  throw new SystemCallError(name, path, line.slice('failed '.length));
}

/** @param onEnd told when it has ended; the next call starts another. */
function startAnswerer(onEnd: () => void): Answerer {
  const child = execa('perl', ['-e', ANSWERS], {
    ...{ stdin: 'pipe', stdout: 'pipe', stderr: 'ignore', buffer: false, reject: false },
    // Not by a Ctrl-C in the terminal: machines are still to be let go then.
    detached: true,
    cleanup: false,
  });
  const waiting: Waiting[] = [];
  let held = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (held + chunk.toString('utf8')).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) waiting.shift()?.resolve(line);
    letRest(child, waiting.length === 0);
  });
  child.stdin.on('error', () => undefined);
  void child.then(({ code }) => {
    onEnd();
    const error =
      code === 'ENOENT'
        ? new CommandMissingError('perl', 'perl-base')
        : new Error('perl ended in the middle');
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  return {
    ask: (line) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        letRest(child, false);
        child.stdin.write(line);
      }),
  };
}

interface Restful {
  ref(): void;
  unref(): void;
}

/** While nobody waits for it, it is no reason for the harness to live. */
function letRest(
  child: Restful & { readonly stdin: unknown; readonly stdout: unknown },
  rests: boolean,
): void {
  for (const each of [child, child.stdin, child.stdout] as Restful[]) {
    if (rests) each.unref();
    else each.ref();
  }
}
