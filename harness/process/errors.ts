/** One error shape for every way a command can end badly. */

/** A command in the shape a shell would take it, for error texts and logs; not meant to be run by a shell. */
export function commandLine(file: string, args: readonly string[]): string {
  return [file, ...args].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** How a command ended, as far as known. */
export interface CommandEnd {
  readonly command: string;
  readonly exitCode?: number;
  readonly signal?: NodeJS.Signals;
  readonly timedOut: boolean;
  /** The last lines it printed, standard output and standard error mixed as they came. */
  readonly tail: readonly string[];
  readonly logPath?: string;
}

export class CommandFailedError extends Error {
  override readonly name = 'CommandFailedError';
  readonly command: string;
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly timedOut: boolean;
  readonly tail: readonly string[];
  readonly logPath: string | undefined;

  constructor(end: CommandEnd, options?: ErrorOptions & { readonly ending?: string }) {
    const log = end.logPath === undefined ? '' : `\nfull log: ${end.logPath}`;
    const tail = end.tail.length === 0 ? '' : `\n${end.tail.map((line) => `  ${line}`).join('\n')}`;
    super(`${end.command}: ${options?.ending ?? describeEnd(end)}${tail}${log}`, options);
    this.command = end.command;
    this.exitCode = end.exitCode;
    this.signal = end.signal;
    this.timedOut = end.timedOut;
    this.tail = end.tail;
    this.logPath = end.logPath;
  }
}

function describeEnd(end: CommandEnd): string {
  if (end.timedOut) return 'its time was up, so it was ended with all it started';
  if (end.signal !== undefined) return `ended by ${end.signal}`;
  return `exit code ${end.exitCode ?? 'unknown'}`;
}

/** The program is not there. */
export class CommandMissingError extends Error {
  override readonly name = 'CommandMissingError';
  constructor(
    readonly file: string,
    /** The Debian package that has it, where the caller knows. */
    readonly debianPackage?: string,
  ) {
    super(
      debianPackage === undefined
        ? `${file} is not installed or not on PATH`
        : `${file} is not installed; Debian has it in ${debianPackage}: apt-get install ${debianPackage}`,
    );
  }
}

/** The folder a command was to run in is not there. (A spawn in such a folder fails as if the program were missing.) */
export class WorkingFolderMissingError extends Error {
  override readonly name = 'WorkingFolderMissingError';
  constructor(
    readonly cwd: string,
    readonly command: string,
  ) {
    super(`${command} was to run in ${cwd}, which is not a folder`);
  }
}

/** A command that answers on standard output said more than its caller is prepared to keep. */
export class CommandOutputError extends Error {
  override readonly name = 'CommandOutputError';
  constructor(
    readonly command: string,
    readonly limitBytes: number,
  ) {
    super(`${command} printed more than ${limitBytes} bytes; it was ended. Pass keepBytes or a logPath.`);
  }
}

/** The lock file can not be opened or locked. */
export class LockError extends Error {
  override readonly name = 'LockError';
  constructor(
    readonly path: string,
    readonly detail: string,
  ) {
    super(`can not lock ${path}: ${detail}`);
  }
}
