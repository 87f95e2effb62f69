/** What `loadbase debug` does once its options are read. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { hex } from '../bits/hex.ts';
import { BootSession } from '../boot/boot-session.ts';
import { stopAtFirstCheckpoint } from '../boot/debug-stop.ts';
import type { FrozenMachine } from '../boot/frozen-machine.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { findProgram } from '../qemu/binary.ts';
import { makeReporter } from '../report/make-reporter.ts';
import { preparationFolder, prepareArtifacts, type Artifacts } from '../scenario/artifacts.ts';
import { gdbArguments, bootPieces } from '../scenario/debug-pieces.ts';
import { Forks } from '../scenario/forks.ts';
import { planRun, type ReadyInstance } from '../scenario/plan.ts';
import { prepareSubjects } from '../scenario/prepare-subjects.ts';
import { createRunFolder } from '../workdir/run-folder.ts';
import { writePayloadDrive } from '../image/payload-drive.ts';
import type { DebugOptions } from './run-options.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { chosenScenarios } from './chosen-scenarios.ts';
import { chosenInstances, neededSubjects } from './instance-options.ts';
import { interruptSignal } from './interrupt.ts';
import { artifactRequest, toolchainContext } from './source-options.ts';
import { cacheRoot, complain, hostRecord, searchPath, standardOutput } from './surroundings.ts';

const BOOT_MS = 120_000;

export async function debugInstance(name: string, options: DebugOptions): Promise<number> {
  const signal = interruptSignal();
  const { planned, artifacts, directory, from } = await prepare(name, options, signal);
  const pieces = bootPieces(planned, artifacts);
  const payload = join(directory, 'payload.tar');
  await writePayloadDrive(payload, pieces.payload);
  const deadline = Deadline.in(BOOT_MS);
  await using session = await BootSession.launch({
    qemu: artifacts.qemu.path,
    spec: { ...planned.spec, payload },
    directory,
    deadline,
    driver: pieces.driver,
    from,
    signal,
  });
  const stop = await stopAtFirstCheckpoint(session, pieces.driver, deadline);
  if (stop.kind === 'ended') {
    complain(`${name} ended before its first checkpoint (${stop.end.kind}); its logs are in ${directory}`);
    return EXIT.failed;
  }
  const argv = gdbArguments({
    gdbSocket: session.machine.gdbSocket,
    loadBase: pieces.loadBase(stop.loader),
    subject: planned.subject,
  });
  const output = standardOutput();
  output.write(
    `stopped at “${stop.at.name}”, ${hex(stop.at.address)}; console: ${join(directory, 'serial.log')}\n`,
  );
  output.write(`  gdb ${argv.map((word) => (/[ '"]/.test(word) ? `'${word}'` : word)).join(' ')}\n`);
  if (options.gdb && output.isTerminal && process.stdin.isTTY) return openGdb(argv);
  output.write('the machine waits; Ctrl-C ends it\n');
  await Promise.race([session.machine.process.exited, ...(signal.aborted ? [] : [once(signal, 'abort')])]);
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}

interface PreparedDebug {
  readonly planned: ReadyInstance;
  readonly artifacts: Artifacts;
  readonly directory: string;
  readonly from: FrozenMachine | undefined;
}

async function prepare(name: string, options: DebugOptions, signal: AbortSignal): Promise<PreparedDebug> {
  const reporter = makeReporter({ name: 'pretty' }, standardOutput(), { cwd: process.cwd() });
  try {
    const context = toolchainContext((event) => reporter.onEvent(event), signal);
    const request = artifactRequest(options);
    const scenarios = await chosenScenarios(options);
    const names = neededSubjects(scenarios, [name], options);
    const subjects = await prepareSubjects(names, request.subjects, context);
    const instances = chosenInstances(scenarios, [name], options, subjects);
    const [instance] = instances;
    if (!instance || instances.length > 1)
      throw new UsageError(`${JSON.stringify(name)} matches ${instances.length} instances; debug takes one`);
    const artifacts = await prepareArtifacts(request, subjects, instances, context);
    const { path } = await createRunFolder();
    const { planned } = await planRun({
      artifacts,
      instances,
      accelerator: options.accel,
      cacheRoot: cacheRoot(),
      kernelRelease: hostRecord().kernel,
      runDirectory: path,
      scenarios,
      emit: (event) => reporter.onEvent(event),
      signal,
    });
    const frozen = (ready: ReadyInstance) =>
      new Forks(artifacts, {
        context,
        evidence: (of) => preparationFolder(path, of),
        onNotice: (text) => reporter.onEvent({ kind: 'notice', text }),
      }).find(ready);
    const [only] = planned;
    if (only?.kind !== 'ready')
      throw new UsageError(`${name} cannot be booted here: ${only?.reason ?? 'it was not planned'}`);
    const from = options.cold ? undefined : await frozen(only);
    return { planned: only, artifacts, directory: path, from };
  } finally {
    await reporter.end();
  }
}

/** gdb has the terminal until it is left; Ctrl-C is its own then. */
async function openGdb(argv: readonly string[]): Promise<number> {
  const gdb = await findProgram('gdb', searchPath());
  if (gdb === undefined) {
    complain('gdb is not installed. On Debian: apt-get install gdb');
    return EXIT.host;
  }
  process.removeAllListeners('SIGINT');
  process.on('SIGINT', () => undefined);
  const child = spawn(gdb, argv, { stdio: 'inherit' });
  await once(child, 'exit');
  return EXIT.ok;
}
