import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailedError } from '../process/errors.ts';
import { run, type RunResult } from '../process/run.ts';
import { BuildFailedError, CacheFolderError } from './build-failed-error.ts';
import { firstError, saysNoSpace } from './first-error.ts';
import { type StepTimings } from './timings.ts';
import type { ToolchainContext } from './toolchain-context.ts';

/** Variables of the caller's shell (or of npm) that would change what a build makes. */
const UNWANTED_VARIABLES = [
  ...[
    'CC',
    'CXX',
    'CPP',
    'LD',
    'AS',
    'AR',
    'CFLAGS',
    'CPPFLAGS',
    'CXXFLAGS',
    'LDFLAGS',
    'MAKEFLAGS',
    'MFLAGS',
  ],
  ...[
    'V',
    'O',
    'ARCH',
    'DESTDIR',
    'PYTHONPATH',
    'PYTHONHOME',
    'GREP_OPTIONS',
    'CDPATH',
    'SITE_CONFIG',
    'CONFIG_SITE',
  ],
  ...['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX', 'XEN_TARGET_ARCH', 'XEN_COMPILE_ARCH'],
];

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a workshop is made of; {@link Cache} makes them. */
export interface WorkshopPlan {
  readonly context: ToolchainContext;
  readonly task: string;
  /** Private scratch folder; removed when the build ends, however it ends. */
  readonly directory: string;
  readonly logDirectory: string;
  /** Last time's milliseconds by step. */
  readonly timings: StepTimings;
}

/** A build's bench: a private folder, steps that are told and timed, commands whose output is kept. */
export class Workshop {
  readonly #stagings = new Map<string, string>();
  readonly #elapsedMs: Record<string, number> = {};

  constructor(readonly plan: WorkshopPlan) {}

  get context(): ToolchainContext {
    return this.plan.context;
  }

  get directory(): string {
    return this.plan.directory;
  }

  /** How long each finished step took. */
  get elapsedMs(): StepTimings {
    return this.#elapsedMs;
  }

  /** The folder that becomes the entry with this key; made, empty, when first asked for. */
  async staging(digest: string): Promise<string> {
    const folder = join(this.directory, `staging-${digest}`);
    await mkdir(folder, { recursive: true });
    this.#stagings.set(digest, folder);
    return folder;
  }

  /** The staging folders asked for so far, by key. */
  get stagings(): ReadonlyMap<string, string> {
    return this.#stagings;
  }

  notice(step: string, detail: string): void {
    this.context.onProgress({ task: this.plan.task, step, state: 'notice', detail });
  }

  /**
   * Tells and times `work` as one step.
   * @param measuredMs what it took on the machine we measured; last time's figure here goes before it.
   * @throws what `work` throws; the signal's reason where it was aborted before.
   */
  async step<T>(step: string, measuredMs: number, work: () => Promise<T>): Promise<T> {
    const { task, timings, context } = this.plan;
    context.signal?.throwIfAborted();
    const started = performance.now();
    context.onProgress({ task, step, state: 'started', typicalMs: timings[step] ?? measuredMs });
    const result = await work();
    const elapsedMs = Math.round(performance.now() - started);
    this.#elapsedMs[step] = elapsedMs;
    context.onProgress({ task, step, state: 'done', elapsedMs });
    return result;
  }

  /**
   * Runs a command of `step` with its output appended to the step's log.
   * @throws BuildFailedError, CacheFolderError, CommandMissingError; the signal's reason on abort.
   */
  async command(
    step: string,
    file: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<RunResult> {
    const { signal } = this.context;
    const logPath = this.logPath(step);
    await mkdir(this.plan.logDirectory, { recursive: true });
    try {
      return await run(file, args, {
        cwd: options.cwd ?? this.directory,
        env: {
          ...Object.fromEntries(UNWANTED_VARIABLES.map((name) => [name, undefined])),
          LC_ALL: 'C',
          ...options.env,
        },
        logPath,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (!(cause instanceof CommandFailedError)) throw cause;
      throw await this.#explain(step, cause, logPath);
    }
  }

  /** Where the output of a step's commands is kept. */
  logPath(step: string): string {
    return join(this.plan.logDirectory, `${step.replace(/[^\w.-]+/g, '-')}.log`);
  }

  async #explain(step: string, cause: CommandFailedError, logPath: string): Promise<Error> {
    const log = await readFile(logPath, 'utf8').catch(() => cause.tail.join('\n'));
    if (saysNoSpace(log))
      return new CacheFolderError(this.context.cacheRoot, 'no space left on its disk', { cause });
    const first = firstError(log) ?? cause.message;
    return new BuildFailedError(this.plan.task, step, first, cause.tail.join('\n'), logPath, { cause });
  }
}
