/**
 * One machine from reset to its end: firmware and loader until the loader's hand-off, then the subject from checkpoint
 * to checkpoint until it says its last word, dies, or the time is up. The session records; it does not judge.
 */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Deadline } from '../lifetime/deadline.ts';
import { Releases } from '../lifetime/releases.ts';
import { readLoaderReport, type LoaderReport } from '../grub/console.ts';
import type { Firmware } from '../grub/firmware-kind.ts';
import { launchMachine, type Machine } from '../qemu/launch.ts';
import { SerialConsole } from '../serial/serial-console.ts';
import { phaseBudgetMs } from '../serial/phase-budget.ts';
import { EvidenceWriter } from '../workdir/evidence-writer.ts';
import { writeFilePlain } from '../workdir/atomic-file.ts';
import { runCheckpoints } from './checkpoint-loop.ts';
import { MachineWatch } from './machine-end.ts';
import type { BootEnd } from './boot-end.ts';
import { consoleSaid, type Said } from './console-said.ts';
import type { BootOptions, BootRecord, HandOff } from './boot-record.ts';
import { CPU_LOG } from './cpu-log.ts';
import { EXCEPTION_LANDMARKS } from './firmware-exception.ts';
import { GuestWatch } from './guest-watch.ts';
import { LOADER_ENDS, LOADER_LANDMARKS, loaderEnd } from './loader-landmarks.ts';
import { isGuestsDoing, requireChoice } from './wrong-payload-error.ts';
import { settledEnd, type SubjectDriver } from './subject-driver.ts';

/** QEMU's sockets close a moment before its exit is seen, and the exit says more. */
const EXIT_SEEN_MS = 2000;

/** After QEMU holds the machine, what the guest printed before may still be in the socket. */
const CONSOLE_SETTLE_MS = 15_000;

/** What the guest said before it reset is its end, though the monitor is heard first after a stall of the host. */
const QUIET_AFTER_DEATH_MS = 100;

/** The same for what is only a word more. */
const QUIET_AFTER_RING_MS = 1000;

const BOOT_FAILED: BootEnd = { kind: 'loader', detail: 'GRUB came back from `boot`' };

export class BootSession implements AsyncDisposable {
  readonly #releases: Releases;
  readonly #options: BootOptions;
  readonly machine: Machine;
  readonly console: SerialConsole;
  readonly #watch: MachineWatch;
  readonly #guest: GuestWatch;

  private constructor(releases: Releases, options: BootOptions, machine: Machine, console: SerialConsole) {
    this.#releases = releases;
    this.#options = options;
    this.machine = machine;
    this.console = console;
    this.#watch = new MachineWatch(machine);
    releases.add('the machine watch', () => this.#watch[Symbol.dispose]());
    const { deadline } = options;
    this.#guest = new GuestWatch({ machine, console, deadline, loaderReport: () => this.#loaderReport() });
    releases.add('the guest watch', () => this.#guest[Symbol.dispose]());
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
          cpuLogPath: file(CPU_LOG),
          deadline: options.deadline,
          onQmpLine: (direction, text) => qmpLog.write(`${direction === 'send' ? '>' : '<'} ${text}\n`),
          onArgv: (argv) => writeFilePlain(file('argv.json'), `${JSON.stringify(argv, undefined, 1)}\n`),
          ...(options.signal ? { signal: options.signal } : {}),
          ...(options.sharedRam === undefined ? {} : { sharedRam: options.sharedRam }),
          ...(options.logRanges ? { logRanges: options.logRanges } : {}),
          ...(options.from ? { state: options.from.state } : {}),
          laps: options.laps,
        }),
      );
      const exceptions = options.spec.firmware.kind === 'efi' ? EXCEPTION_LANDMARKS : [];
      const landmarks = [...LOADER_LANDMARKS, ...exceptions, ...(options.driver?.landmarks ?? [])];
      const console = new SerialConsole({ landmarks, raw, clean });
      if (options.from) console.feed(options.from.console);
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
    const { driver } = this.#options;
    if (!driver)
      return this.#record({
        kind: 'loader',
        detail: 'a survey was asked for, but the loader loaded a kernel',
      });
    this.#enter('subject');
    return this.#runSubject(driver, handOff.loader);
  }

  /** Firmware and loader only: the machine is held with the subject loaded, or has ended before. */
  async runToHandOff(): Promise<HandOff> {
    const end = (await this.runToReady()) ?? (await this.#runFromReady());
    return end ? { kind: 'ended', end } : { kind: 'loaded', loader: this.#loaderReport() };
  }

  /** Firmware and GRUB, until it is ready for its payload and held there; or how it ended before. A fork is there already. */
  async runToReady(): Promise<BootEnd | undefined> {
    if (this.#options.from) return undefined;
    this.#enter('firmware');
    void this.#landmark(['loader started'], this.#options.deadline).then(({ kind }) => {
      if (kind === 'landmark') this.#enter('loader');
    });
    const held = (await this.#start()) ?? (await this.#untilHeld(this.#loaderStarted(), ['ready']));
    return typeof held === 'string' ? undefined : held;
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

  /** GRUB reads the payload drive and loads what is on it. */
  async #runFromReady(): Promise<BootEnd | undefined> {
    if (this.#options.from) this.#enter('loader');
    const { deadline } = this.#options;
    const inTime = deadline.cut(phaseBudgetMs('loader', deadline.remainingMs));
    const said = this.#landmark(LOADER_ENDS, inTime);
    const held = (await this.#start()) ?? (await this.#untilHeld(said, ['loaded', 'refused']));
    const mustRead = this.#options.from !== undefined && (typeof held === 'string' || isGuestsDoing(held));
    requireChoice(this.#options.choice, this.#loaderReport().choice, mustRead);
    if (held === 'loaded') return undefined;
    return held === 'refused' ? { kind: 'refused', errors: this.#loaderReport().errors } : (held as BootEnd);
  }

  /** The line that GRUB said before it rang, or how the machine ended instead. */
  async #untilHeld<Line extends string>(
    said: Promise<Said>,
    lines: readonly Line[],
  ): Promise<BootEnd | Line> {
    const first = await Promise.race([said, this.#machineEnd(), this.#guest.died]);
    if (first.kind === 'landmark') return loaderEnd(first.name);
    if (first.kind !== 'machine') return first;
    if (first.end.kind === 'shutdown') return this.#lastWord(said, first);
    if (first.end.kind !== 'paused') return first;
    const report = await this.#landmark(lines, this.#options.deadline.cut(CONSOLE_SETTLE_MS));
    if (report.kind === 'console') return report;
    if (report.kind === 'timeout')
      return { kind: 'loader', detail: 'the machine was held, but not by our loader configuration' };
    return report.name as Line;
  }

  /** A guest that shut down may have said why; on a busy host the monitor is heard before the console's last lines. */
  async #lastWord(said: Promise<Said>, died: BootEnd): Promise<BootEnd> {
    const last = await Promise.race([said, setTimeout(QUIET_AFTER_RING_MS)]);
    return last?.kind === 'landmark' ? loaderEnd(last.name) : died;
  }

  /** Firmware and loader have a budget each, so that a hang is called by its phase's name. */
  async #loaderStarted(): Promise<Said> {
    const { deadline } = this.#options;
    const totalMs = deadline.remainingMs;
    const inTime = (phase: 'firmware' | 'loader') => deadline.cut(phaseBudgetMs(phase, totalMs));
    const started = await this.#landmark(['loader started', 'early loader prompt'], inTime('firmware'));
    return started.kind === 'landmark' && started.name === 'loader started'
      ? this.#landmark(LOADER_ENDS, inTime('loader'))
      : started;
  }

  async #runSubject(driver: SubjectDriver, report: LoaderReport): Promise<BootRecord> {
    const ends = Object.keys(driver.ends);
    const ended = this.#landmark([...ends, 'boot failed'], this.#options.deadline).then((said): BootEnd => {
      if (said.kind !== 'landmark') return said;
      const meaning = driver.ends[said.name];
      return meaning ? { kind: 'subject', meaning, text: said.text } : BOOT_FAILED;
    });
    const { checkpoints, missed, end } = await runCheckpoints({
      machine: this.machine,
      stops: driver.stops(report),
      observe: (name, guest) => driver.observe(name, guest, report),
      inspections: (name, guest) => driver.inspections?.(name, guest, report) ?? [],
      ended: Promise.race([ended, settledEnd(driver), this.#subjectDied(), this.#guest.died]),
      deadline: this.#options.deadline,
      onPhase: this.#options.onPhase,
      laps: this.#options.laps,
    });
    this.#options.laps?.enter('end');
    return { ...this.#record(end), checkpoints, missed };
  }

  async #machineEnd(): Promise<Extract<BootEnd, { kind: 'machine' }>> {
    return { kind: 'machine', end: await this.#watch.next() };
  }

  /** GRUB rings, too, where `boot` comes back to it, and says so before. */
  async #subjectDied(): Promise<BootEnd> {
    const died = await this.#machineEnd();
    if (died.end.kind === 'reset') return setTimeout(QUIET_AFTER_DEATH_MS, died);
    if (died.end.kind !== 'paused') return died;
    const said = await this.#landmark(['boot failed'], this.#options.deadline.cut(QUIET_AFTER_RING_MS));
    return said.kind === 'landmark' ? BOOT_FAILED : died;
  }

  #enter(phase: 'firmware' | 'loader' | 'subject'): void {
    this.#options.onPhase?.(phase);
    this.#options.laps?.enter(phase);
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
      lastLandmark: this.console.lastLandmark?.name,
      outOfPhase: [...new Set(this.console.outOfPhase.map(({ name }) => name))],
    };
  }

  #landmark(names: readonly string[], deadline: Deadline): Promise<Said> {
    return consoleSaid(this.console, names, deadline, () => this.#hasExited());
  }
}
