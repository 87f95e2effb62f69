import { run } from '../process/run.ts';
import type { KeyInputs } from './digest.ts';
import type { ToolchainContext } from './toolchain-context.ts';

/** What makes two compilers the same for us: their version lines and the machine they compile for. */
export interface CompilerIdentity extends KeyInputs {
  /** First line of `gcc --version`, with the distribution's package version. */
  readonly compiler: string;
  /** `gcc -dumpmachine`. */
  readonly target: string;
  /** First line of `ld --version`. */
  readonly linker: string;
}

const known = new WeakMap<ToolchainContext, Promise<CompilerIdentity>>();

/**
 * The installed compiler's identity, asked once per context.
 * @throws CommandMissingError where it is not installed.
 */
export async function compilerIdentity(context: ToolchainContext): Promise<CompilerIdentity> {
  let identity = known.get(context);
  if (identity === undefined) {
    identity = askCompiler();
    known.set(context, identity);
  }
  return identity;
}

async function askCompiler(): Promise<CompilerIdentity> {
  const [compiler, target, linker] = await Promise.all([
    firstLine('gcc', '--version'),
    firstLine('gcc', '-dumpmachine'),
    firstLine('ld', '--version'),
  ]);
  return { compiler, target, linker };
}

async function firstLine(tool: string, argument: string): Promise<string> {
  const { stdout } = await run(tool, [argument], { timeoutMs: 10_000, package: 'build-essential' });
  return stdout.split('\n')[0] ?? '';
}
