/**
 * One machine from reset to its end: firmware and loader until the loader's hand-off, then the subject from checkpoint
 * to checkpoint until it says its last word, dies, or the time is up. The session records; it does not judge.
 */
import { join } from 'node:path';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import { Releases } from '../lifetime/releases.ts';
import { LOADER_LINES, LOADER_PROMPT, readLoaderReport, type LoaderReport } from '../grub/console.ts';
import type { Firmware } from '../grub/firmware-kind.ts';
import { launchMachine, type Machine } from '../qemu/launch.ts';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import { SerialClosedError, SerialFloodError } from '../serial/errors.ts';
import { SerialConsole } from '../serial/serial-console.ts';
import type { Landmark } from '../serial/landmark.ts';
import { EvidenceWriter } from '../workdir/evidence-writer.ts';
import { writeFileAtomic } from '../workdir/atomic-file.ts';
import { runCheckpoints } from './checkpoint-loop.ts';
import { MachineWatch } from './machine-end.ts';
import type { BootEnd } from './boot-end.ts';
import type { ObservedCheckpoint, SubjectDriver } from './subject-driver.ts';

export interface BootRecord {
  readonly end: BootEnd;
  readonly loader: LoaderReport | undefined;
  readonly checkpoints: readonly ObservedCheckpoint[];
  /** Stops that were planned and never met, by name. */
  readonly missed: readonly string[];
  /** Cleaned console lines of the subject's phase. */
  readonly subjectLines: readonly string[];
}

export type HandOff =
  | { readonly kind: 'loaded'; readonly loader: LoaderReport }
  | { readonly kind: 'ended'; readonly end: BootEnd };

export interface BootOptions {
  readonly qemu: string;
  readonly spec: MachineSpec;
  /** Evidence is written here as it arrives; the folder exists. */
  readonly directory: string;
  readonly deadline: Deadline;
  /** Absent: a survey, which ends at the memory map. */
  readonly driver?: SubjectDriver;
  readonly onPhase?: (phase: string) => void;
  /** false: QEMU's own anonymous memory, which only its stub can read. */
  readonly sharedRam?: boolean;
  /** Aborting ends the machine, now or later. */
  readonly signal?: AbortSignal;
}

const LOADER_LANDMARKS: readonly Landmark[] = [
  { name: 'loader started', phase: 'firmware', pattern: LOADER_LINES.started, entersPhase: 'loader' },
  { name: 'no payload', phase: 'loader', pattern: LOADER_LINES.noPayload },
  { name: 'survey end', phase: 'loader', pattern: LOADER_LINES.surveyEnd },
  { name: 'refused', phase: 'loader', pattern: LOADER_LINES.refused },
  { name: 'loaded', phase: 'loader', pattern: LOADER_LINES.loaded, entersPhase: 'subject' },
  { name: 'boot failed', phase: 'subject', pattern: LOADER_LINES.bootFailed },
  { name: 'loader prompt', phase: 'loader', pattern: LOADER_PROMPT },
];

/** QEMU's sockets close a moment before its exit is seen, and the exit says more. */
const EXIT_SEEN_MS = 2000;

/** After QEMU holds the machine, what the guest printed before may still be in the socket. */
const CONSOLE_SETTLE_MS = 15_000;

export class BootSession implements AsyncDisposable {
  readonly #releases: Releases;
  readonly #options: BootOptions;
  readonly machine: Machine;
  readonly console: SerialConsole;
  readonly #watch: MachineWatch;

  private constructor(releases: Releases, options: BootOptions, machine: Machine, console: SerialConsole) {
    this.#releases = releases;
    this.#options = options;
    this.machine = machine;
    this.console = console;
    this.#watch = new MachineWatch(machine);
    releases.add('the machine watch', () => this.#watch[Symbol.dispose]());
  }

  /** Launches the machine, frozen, with all evidence files open. @throws what launchMachine throws. */
  static async launch(options: BootOptions): Promise<BootSession> {
    const releases = new Releases();
    try {
      const file = (name: string) => join(options.directory, name);
      const writer = async (name: string) => releases.use(name, await EvidenceWriter.open(file(name)));
      const [raw, clean, qmpLog] = [
        await writer('serial.raw'),
        await writer('serial.log'),
        await writer('qmp.log'),
      ];
      const machine = releases.use(
        'the machine',
        await launchMachine({
          qemu: options.qemu,
          spec: options.spec,
          stderrPath: file('qemu.stderr'),
          deadline: options.deadline,
          onQmpLine: (direction, text) => qmpLog.write(`${direction === 'send' ? '>' : '<'} ${text}\n`),
          onArgv: (argv) => writeFileAtomic(file('argv.json'), `${JSON.stringify(argv, undefined, 1)}\n`),
          ...(options.signal ? { signal: options.signal } : {}),
          ...(options.sharedRam === undefined ? {} : { sharedRam: options.sharedRam }),
        }),
      );
      const landmarks = [...LOADER_LANDMARKS, ...(options.driver?.landmarks ?? [])];
      const console = new SerialConsole({ landmarks, raw, clean });
      machine.serial.on('data', (chunk: Buffer) => console.feed(chunk));
      machine.serial.on('close', () => console.close());
      if (machine.serial.closed) console.close();
      return new BootSession(releases, options, machine, console);
    } catch (error) {
      await releases[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs the machine to its end. It is still there afterwards, to be looked at. */
  async run(): Promise<BootRecord> {
    const handOff = await this.runToHandOff();
    if (handOff.kind === 'ended') return this.#record(handOff.end);
    const { driver, onPhase } = this.#options;
    if (!driver)
      return this.#record({
        kind: 'loader',
        detail: 'a survey was asked for, but the loader loaded a kernel',
      });
    onPhase?.('subject');
    return this.#runSubject(driver, handOff.loader);
  }

  /** Firmware and loader only: the machine is held with the subject loaded, or has ended before. */
  async runToHandOff(): Promise<HandOff> {
    this.#options.onPhase?.('firmware');
    void this.#landmark(['loader started'], this.#options.deadline).then(({ kind }) => {
      if (kind === 'landmark') this.#options.onPhase?.('loader');
    });
    const handOff = (await this.#start()) ?? (await this.#untilHandOff());
    return handOff === 'loaded'
      ? { kind: 'loaded', loader: this.#loaderReport() }
      : { kind: 'ended', end: handOff };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#releases[Symbol.asyncDispose]();
  }

  get firmware(): Firmware {
    return this.#options.spec.firmware.kind;
  }

  /** Lets the frozen machine go; where it died before, that is its end. */
  async #start(): Promise<BootEnd | undefined> {
    try {
      await this.machine.qmp.execute('cont');
      return undefined;
    } catch (error) {
      if (await this.#hasExited()) return { kind: 'machine', end: await this.#watch.next() };
      throw error;
    }
  }

  async #hasExited(): Promise<boolean> {
    const { process } = this.machine;
    await Deadline.in(EXIT_SEEN_MS)
      .wait(process.exited, 'the exit')
      .catch(() => undefined);
    return process.state === 'exited';
  }

  async #untilHandOff(): Promise<BootEnd | 'loaded'> {
    const said = this.#landmark(['no payload', 'survey end', 'loader prompt'], this.#options.deadline);
    const first = await Promise.race([said, this.#watch.next()]);
    if (first.kind === 'timeout' || first.kind === 'console') return first;
    if (first.kind === 'landmark') return this.#loaderEnd(first.name);
    if (first.kind !== 'paused') return { kind: 'machine', end: first };
    const report = await this.#landmark(['loaded', 'refused'], this.#options.deadline.cut(CONSOLE_SETTLE_MS));
    if (report.kind === 'console') return report;
    if (report.kind === 'timeout')
      return { kind: 'loader', detail: 'the machine was held, but not by our loader configuration' };
    return report.name === 'loaded' ? 'loaded' : { kind: 'refused', errors: this.#loaderReport().errors };
  }

  #loaderEnd(landmark: string): BootEnd {
    if (landmark === 'survey end') return { kind: 'survey' };
    if (landmark === 'no payload') return { kind: 'loader', detail: 'GRUB found no readable payload drive' };
    return { kind: 'loader', detail: 'GRUB is at its prompt' };
  }

  async #runSubject(driver: SubjectDriver, report: LoaderReport): Promise<BootRecord> {
    const ends = Object.keys(driver.ends);
    const ended = this.#landmark([...ends, 'boot failed'], this.#options.deadline).then((said): BootEnd => {
      if (said.kind !== 'landmark') return said;
      const meaning = driver.ends[said.name];
      return meaning
        ? { kind: 'subject', meaning, text: said.text }
        : { kind: 'loader', detail: 'GRUB came back from `boot`' };
    });
    const died = this.#watch.next().then((end): BootEnd => ({ kind: 'machine', end }));
    const { checkpoints, missed, end } = await runCheckpoints({
      machine: this.machine,
      stops: driver.stops(report),
      observe: (name, guest) => driver.observe(name, guest, report),
      inspectLayout: async (name, guest) => (await driver.inspectLayout?.(name, guest, report)) ?? [],
      ended: Promise.race([ended, died]),
      deadline: this.#options.deadline,
      onPhase: this.#options.onPhase,
    });
    return { ...this.#record(end), checkpoints, missed };
  }

  #loaderReport(): LoaderReport {
    return readLoaderReport(this.console.text(), this.firmware);
  }

  #record(end: BootEnd): BootRecord {
    return {
      end,
      loader: this.console.phase === 'firmware' ? undefined : this.#loaderReport(),
      checkpoints: [],
      missed: [],
      subjectLines: this.console.lines('subject'),
    };
  }

  /** A wait that ends as a value: matched, timed out, or with nothing more to come. */
  async #landmark(names: readonly string[], deadline: Deadline): Promise<Said> {
    try {
      const match = await this.console.waitFor(names, deadline);
      return { kind: 'landmark', name: match.name, text: match.line };
    } catch (error) {
      if (error instanceof SerialFloodError)
        return { kind: 'console', state: 'flooded', detail: error.message };
      if (error instanceof SerialClosedError) {
        // A QEMU that ends closes its sockets first: then its exit, which the watch reports, is the end.
        await this.#hasExited();
        return { kind: 'console', state: 'closed', detail: error.message };
      }
      if (!(error instanceof DeadlineError)) throw error;
      return { kind: 'timeout', awaited: error.awaited, lastSeen: this.console.lastLines(1)[0] };
    }
  }
}

type Said =
  | { readonly kind: 'landmark'; readonly name: string; readonly text: string }
  | Extract<BootEnd, { kind: 'timeout' | 'console' }>;
