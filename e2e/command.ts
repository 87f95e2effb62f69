/** The real command line, as a user starts it: `node bin/loadbase.js …` in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Parser, type Result } from 'tap-parser';
import { Deadline } from '../harness/lifetime/deadline.ts';
import { poll } from '../harness/lifetime/poll.ts';
import { parseResults } from '../harness/report/results-schema.ts';
import type { InstanceResult, Results } from '../harness/scenario/contract.ts';
import { projectRoot } from '../harness/workdir/project-root.ts';

export const BIN = join(projectRoot(), 'bin', 'loadbase.js');

/** Beyond this a command has hung, where nothing else is said; it is killed, and its end says so. */
const COMMAND_MS = 240_000;

export interface CommandOptions {
  /** Added to the inherited environment; a variable set to undefined is taken out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand extends AsyncDisposable {
  readonly pid: number;
  readonly ended: Promise<CommandEnd>;
  stdout(): string;
  kill(signal: NodeJS.Signals): void;
}

/** What tap or a CI system sets for itself is not what the tool shall see. */
const OWN_ENVIRONMENT = { CI: undefined, FORCE_COLOR: undefined, NO_COLOR: undefined };

/** Starts a program; disposing it kills it where it still runs. Both of its streams are pipes. */
export function start(file: string, args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const child = spawn(file, args, {
    cwd: options.cwd ?? projectRoot(),
    env: { ...process.env, ...OWN_ENVIRONMENT, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} cannot be started`);
  const heard = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (heard.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (heard.stderr += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? COMMAND_MS);
  const ended = once(child, 'close').then((end): CommandEnd => {
    clearTimeout(timer);
    const [code, signal] = end as [number | null, NodeJS.Signals | null];
    return { code, signal, ...heard };
  });
  return {
    pid,
    ended,
    stdout: () => heard.stdout,
    kill: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export function startLoadbase(args: readonly string[], options?: CommandOptions): RunningCommand {
  return start(process.execPath, [BIN, ...args], options);
}

/** Runs `loadbase ARGS…` to its end. */
export async function loadbase(args: readonly string[], options?: CommandOptions): Promise<CommandEnd> {
  await using command = startLoadbase(args, options);
  return await command.ended;
}

export interface RunEnd extends CommandEnd {
  /** The folder that holds results.json. */
  readonly out: string;
  readonly results: Results;
  /** Test points, as tap-parser in strict mode reads them. */
  readonly asserts: readonly Result[];
}

export interface RunCommandOptions extends CommandOptions {
  /** The folder for results; default: in a new folder of the test's own. */
  readonly out?: string;
}

/** Runs `loadbase run ARGS… --reporter tap`, and reads what it printed and what it left, each with its own reader. */
export async function run(
  t: Test,
  args: readonly string[],
  options: RunCommandOptions = {},
): Promise<RunEnd> {
  const { out = join(t.testdir({}), 'run') } = options;
  const end = await loadbase(['run', ...args, '--out', out, '--reporter', 'tap'], options);
  if (!existsSync(join(out, 'results.json')))
    throw new Error(`no results; it ended with ${end.code ?? end.signal}: ${end.stderr}`);
  const asserts: Result[] = [];
  const parser = new Parser({ strict: true });
  parser.on('assert', (result: Result) => asserts.push(result));
  parser.end(end.stdout);
  t.same(
    parser.results?.failures.filter(({ tapError }) => tapError),
    [],
    `the output is TAP 14: ${end.stderr}`,
  );
  return { ...end, out, results: await readResults(out), asserts };
}

/** @throws where there is none, or it is none of ours. */
export async function readResults(out: string): Promise<Results> {
  return parseResults(JSON.parse(await readFile(join(out, 'results.json'), 'utf8')));
}

/** @throws where the run has no such instance. */
export function resultOf(results: Results, name: string): InstanceResult {
  const found = results.instances.find((instance) => instance.name === name);
  if (!found)
    throw new Error(`${name} is not among ${results.instances.map((each) => each.name).join(', ')}`);
  return found;
}

/** Whether the process still runs; a dead one that nobody has reaped yet does not (proc(5), stat). */
export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state !== undefined && state !== 'Z';
}

/** The QEMU processes that `parent` started, now. QEMU is reached by exec, so its parent is the harness itself. */
export function machinesOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = statOf(pid);
      return stat?.parent === parent && stat.command.startsWith('qemu-system');
    });
}

/** Waits until all of `pids` are gone. @throws DeadlineError */
export async function gone(pids: readonly number[], withinMs: number): Promise<void> {
  await poll(`the end of ${pids.join(', ')}`, Deadline.in(withinMs), () =>
    pids.some(isAlive) ? undefined : true,
  );
}

/** Source: proc(5), /proc/pid/stat: `pid (comm) state ppid …`. */
function statOf(pid: number): { command: string; state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [command, rest] = [
      text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')),
      text.split(') ').at(-1),
    ];
    const [state, parent] = (rest ?? '').split(' ');
    return { command, state: state ?? '', parent: Number(parent) };
  } catch {
    return undefined;
  }
}
