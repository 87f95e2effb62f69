/**
 * CLAIM: the probe's word is believed only where it is whole, once, true, and its last: each way to lie or to fall silent
 * is told from an honest record, and so is a loader that damages what it hands over.
 *
 * These are made through the harness's own functions: no scenario has specimens that must not pass.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { artifactRequest } from '../harness/cli/source-options.ts';
import { cacheRoot, hostRecord } from '../harness/cli/surroundings.ts';
import { type Artifacts, prepareArtifacts } from '../harness/scenario/artifacts.ts';
import type { Instance, InstanceResult, RunListener, SubjectName } from '../harness/scenario/contract.ts';
import { makeInstance } from '../harness/scenario/instance-name.ts';
import { planRun } from '../harness/scenario/plan.ts';
import { prepareSubjects, type Subjects } from '../harness/scenario/prepare-subjects.ts';
import { runAll } from '../harness/scenario/run.ts';
import type { MemoryWrite, Scenario, Witnesses } from '../harness/scenario/scenario.ts';
import { loadSubject } from '../harness/scenario/subject.ts';
import { specimenBuild } from '../harness/specimen/build.ts';
import { makeFolder } from '../harness/workdir/run-folder.ts';
import GRUB_RELOCATABLE from '../scenarios/grub-relocatable.scenario.ts';
import { resultOf } from './command.ts';

const context = { cacheRoot: cacheRoot(), onProgress: () => undefined };
const request = artifactRequest({ grubSrc: 'debian', xenSrc: 'debian' });
const folder = t.testdir({});

const instanceOf = (subject: SubjectName, scenario = GRUB_RELOCATABLE.name): Instance =>
  makeInstance({ scenario, subject, firmware: 'bios', base: { kind: 'any' } });

interface Batch {
  readonly instances: readonly Instance[];
  readonly scenarios?: readonly Scenario[];
  /** In place of the built ones. */
  readonly subjects?: Subjects;
  readonly emit?: RunListener;
}

async function boot(name: string, batch: Batch): Promise<(instance: Instance) => InstanceResult> {
  const { instances, scenarios = [GRUB_RELOCATABLE], emit = () => undefined } = batch;
  const names = new Set(instances.map(({ subject }) => subject));
  const subjects = batch.subjects ?? (await prepareSubjects(names, request.subjects, context));
  const artifacts: Artifacts = await prepareArtifacts(request, subjects, instances, context);
  const runDirectory = await makeFolder(join(folder, name));
  const places = { cacheRoot: cacheRoot(), runDirectory, artifacts, emit };
  const kernelRelease = hostRecord().kernel;
  const plan = await planRun({ ...places, instances, scenarios, accelerator: 'auto', kernelRelease });
  const results = await runAll({
    ...{ ...places, plan, runId: name, host: hostRecord(), jobs: 2, timeoutMs: 60_000 },
    ...{ repeatCommand: () => '', signal: new AbortController().signal },
  });
  return (instance) => resultOf(results, instance.name);
}

const failedWitnesses = ({ checkpoints }: InstanceResult) =>
  checkpoints.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);

const MISBEHAVING = [
  [
    'probe-garbage',
    'crash',
    /^hlt with interrupts off at .*; before that, record: no record to believe \(garbage\)/,
  ],
  [
    'probe-half',
    'crash',
    /^hlt with interrupts off at .*; before that, record: no record to believe \(cut\)/,
  ],
  ['probe-wrong-checksum', 'fail', /^record: no record to believe \(checksum\): /],
  ['probe-endless', 'crash', /^the guest flooded its serial console.*record: no record to believe \(cut\)/],
  ['probe-twice', 'fail', /^record: no record to believe \(several\): 2 records begin/],
  [
    'probe-silent',
    'crash',
    /^hlt with interrupts off at .*; before that, record: no record to believe \(absent\)/,
  ],
] as const;
const HONEST = ['probe', 'probe-segments', 'probe-high-vaddr', 'probe-large-bss', 'probe-fixed'] as const;

t.test('probes that misbehave never pass; honest ones do', async (t) => {
  const subjects = [...MISBEHAVING.map(([subject]) => subject), ...HONEST];
  const result = await boot('probes', { instances: subjects.map((subject) => instanceOf(subject)) });
  for (const [subject, verdict, reason] of MISBEHAVING)
    t.match(result(instanceOf(subject)), { verdict, reason }, subject);
  for (const subject of HONEST) {
    const { verdict, reason } = result(instanceOf(subject));
    t.equal(verdict, 'pass', `${subject}: ${reason}`);
  }
});

/** The one place in the image where these bytes stand, with others in their place; a harmless change of a probe's code. */
function patched(bytes: Uint8Array, found: string, wanted: string): Buffer {
  const hexText = Buffer.from(bytes).toString('hex');
  const at = hexText.indexOf(found);
  if (at < 0 || at % 2 !== 0) throw new Error(`the probe has no ${found}`);
  return Buffer.from(hexText.slice(0, at) + wanted + hexText.slice(at + found.length), 'hex');
}

async function patchedProbe(name: string, found: string, wanted: string): Promise<Subjects> {
  const { images } = await specimenBuild('probe', context);
  const path = join(folder, `${name}.image`);
  await writeFile(path, patched(await readFile(images.get('probe')!), found, wanted));
  return new Map([['probe', await loadSubject('probe', path, undefined, name)]]);
}

t.test('a probe that lies about A20, and is true to its file', async (t) => {
  // setnz %al; movzbl %al, %eax becomes setz %al: report.S, look_at_a20.
  const subjects = await patchedProbe('lies', '0f95c00fb6c0', '0f94c00fb6c0');
  const result = (await boot('a20', { instances: [instanceOf('probe')], subjects }))(instanceOf('probe'));
  t.match(result, { verdict: 'fail', reason: 'record: A20 is off, it says' });
  t.strictSame(failedWitnesses(result), ['record: A20 is off, it says']);
});

t.test('a probe that resets after a good record', async (t) => {
  // cli; hlt; jmp becomes ud2, with no interrupt table: report.S, halt.
  const subjects = await patchedProbe('resets', 'faf4ebfc', '0f0bebfc');
  const result = (await boot('resets', { instances: [instanceOf('probe')], subjects }))(instanceOf('probe'));
  t.not(result.verdict, 'pass');
  t.strictSame(failedWitnesses(result), ['end: it went on after its record']);
});

const BASE = 0x3e0_0000;

/** The probe of 62 MiB, in circumstances of the test's own. */
function damaging(
  name: string,
  given: { atEntry?: readonly MemoryWrite[]; witnesses?: Witnesses },
): Scenario {
  const instances = () => [
    makeInstance({ scenario: name, subject: 'probe', firmware: 'bios', base: { kind: 'at', address: BASE } }),
  ];
  return { name, claim: 'The damage is told.', instances, given: () => ({ arguments: 'damage', ...given }) };
}

t.test('memory that is damaged at the entry is told by the record', async (t) => {
  // The image begins with its Multiboot2 header, which nobody needs any more.
  const says = 'the first byte of the image is 0';
  const segment = damaging('segment', { atEntry: [{ address: BASE, bytes: Uint8Array.of(0), says }] });
  const information = damaging('information', {
    witnesses: {
      at: (_stop, { registers, ram }) => [
        {
          name: 'damage',
          // Inside the first tag: the load base address, after the harness has looked.
          inspect: async () => {
            await ram?.write(Number(registers.rbx & 0xffff_ffffn) + 16, Uint8Array.of(0x99));
            return [{ ok: true, text: 'made so: a byte of boot information is 0x99' }];
          },
        },
      ],
    },
  });
  const scenarios = [segment, information];
  const [first, second] = scenarios.flatMap((scenario) => scenario.instances());
  const result = await boot('damage', { instances: [first!, second!], scenarios });
  const [segmentTold, informationTold] = [first!, second!].map(result);
  t.match(segmentTold, { verdict: 'fail' });
  t.match(
    failedWitnesses(segmentTold!).find((text) => text.startsWith('record: ')),
    /segment 0 is not what the file holds/,
  );
  t.match(informationTold, { verdict: 'fail' });
  t.match(failedWitnesses(informationTold!), [/^record: boot information differs .* from byte 16 on$/]);
});

/** Longer than GRUB waits for its serial port. */
const BUSY_MS = 700;

t.test('a harness that is busy loses not one character', async (t) => {
  const busy: RunListener = ({ kind }) => {
    if (kind === 'instance-phase') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
  };
  const probe = instanceOf('probe-segments');
  const result = await boot('busy', { instances: [probe], emit: busy });
  t.match(result(probe), { verdict: 'pass', checkpoints: { length: 8 } });
});
