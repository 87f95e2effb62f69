/** The events of a run as they come, with the time of each: every verdict, every kind of expectation. */

import type {
  BaseChoice,
  Checkpoint,
  Firmware,
  Instance,
  InstanceResult,
  Results,
  RunEvent,
  ToolRecord,
} from '../../scenario/contract.ts';
import { totalsOf } from '../../scenario/contract.ts';

export interface TimedEvent {
  readonly atMs: number;
  readonly event: RunEvent;
}

export const RUN_ID = '2031-05-04-101502-7c1f';
export const OUT_DIRECTORY = `results/runs/${RUN_ID}`;

const TOOLS: Record<string, ToolRecord> = {
  qemu: { version: '7.2.22', sha256: 'ab'.repeat(32), path: '/usr/bin/qemu-system-x86_64' },
  grub: { version: '2.06-loadbase.1a2b3c4d', sha256: 'cd'.repeat(32) },
  xen: { version: '4.17.5', sha256: 'ef'.repeat(32) },
  ovmf: { version: '2022.11-6', sha256: '01'.repeat(32) },
};

const BOOT_CHECKPOINTS = [
  'boot information',
  'entry',
  'base computed',
  'page tables relocated',
  'long mode',
  '__start_xen',
  'console',
];

export function instance(name: string, scenario: string, firmware: Firmware, base: BaseChoice): Instance {
  return {
    name: `${scenario}~${firmware}~${name}`,
    scenario,
    firmware,
    subject: 'xen',
    machine: 'q35',
    medium: 'iso',
    protocol: 'multiboot2',
    grubVariant: 'standard',
    base,
    memoryMib: 2560,
  };
}

export function checkpoints(failedFrom = BOOT_CHECKPOINTS.length): Checkpoint[] {
  return BOOT_CHECKPOINTS.map((name, index) => ({
    name,
    ok: index < failedFrom,
    detail:
      index < failedFrom
        ? 'agrees with the base'
        : 'never reached; the machine was reset 3 instructions after lgdt, with CR0.PG set',
  }));
}

export function result(of: Instance, changes: Partial<InstanceResult> = {}): InstanceResult {
  const base = of.base.kind === 'at' ? `0x${of.base.address.toString(16).padStart(8, '0')}` : null;
  return {
    name: of.name,
    scenario: of.scenario,
    firmware: of.firmware,
    base,
    expected: base === null ? 'boots wherever GRUB puts it' : `boots at ${base}`,
    verdict: 'pass',
    reason: `all witnesses put the image at ${base ?? '0x1fa00000'}`,
    durationMs: of.firmware === 'bios' ? 940 : 4830,
    loadBaseAddress: base ?? '0x1fa00000',
    accelerator: 'tcg',
    checkpoints: checkpoints(),
    notPossible: [],
    evidence: { serial: `${of.name}/serial.log`, qmp: `${of.name}/qmp.log`, argv: `${of.name}/argv.txt` },
    repeat: `npx loadbase run '${of.name}'`,
    ...(changes.verdict === 'skip' || changes.verdict === 'error' ? {} : { start: 'fork' }),
    ...changes,
  };
}

const at = (address: number): BaseChoice => ({ kind: 'at', address });

function bootInstances(): [Instance, Partial<InstanceResult>][] {
  const bases = [0x200000, 0x3e00000, 0x3fe00000, 0x9c000000];
  return (['bios', 'efi'] as const).flatMap((firmware) =>
    bases.map((base): [Instance, Partial<InstanceResult>] => [
      instance(`base-0x${base.toString(16).padStart(8, '0')}`, 'xen-early-boot', firmware, at(base)),
      {},
    ]),
  );
}

const REGISTERS =
  'RIP=0000000000203f41 RSI=0000000012400000 CR0=80000011 CR3=0000000000c8a000 EFER=0000000000000500';

function unusualInstances(): [Instance, Partial<InstanceResult>][] {
  return [
    [
      instance('firmware-owned', 'grub-refusal', 'efi', { kind: 'firmware-owned' }),
      {
        base: '0x00400000',
        loadBaseAddress: null,
        expected: 'GRUB refuses 0x00400000: the firmware keeps 0x00400000-0x0041ffff',
        reason: 'GRUB says “couldn’t find suitable memory target”, as the memory map predicts',
        checkpoints: [{ name: 'refusal', ok: true, detail: 'GRUB’s own words on the console' }],
      },
    ],
    [
      instance('base-0x04101000', 'misaligned', 'bios', at(0x4101000)),
      {
        expected: 'early error at 0x04101000: “ERR: Xen must be loaded at a 2Mb boundary!”',
        reason: 'Xen says so and halts',
        checkpoints: checkpoints().slice(0, 3),
      },
    ],
    [
      instance('base-0x12400000~no-relocation', 'control', 'bios', at(0x12400000)),
      {
        expected: 'control: lands at its link base 0x00200000 whatever is forced',
        loadBaseAddress: '0x00200000',
        start: 'cold',
        reason: 'a GRUB without the relocation patch put it at 0x00200000',
      },
    ],
    [
      instance('base-0x12400000', 'page-tables-unrelocated', 'bios', at(0x12400000)),
      {
        verdict: 'fail',
        reason:
          'triple fault at 0x12403f41 (trampoline_setup+0x141): page tables still hold link-time addresses',
        checkpoints: checkpoints(3),
        death: {
          kind: 'triple-fault',
          text: 'triple fault at 0x12403f41 (trampoline_setup+0x141), 32-bit, paging on, interrupts off',
          lastLandmark: 'loaded',
          mode: '32-bit, paging on, interrupts off',
          pc: '0x12403f41',
          place: 'trampoline_setup+0x141',
          registers: { EAX: '80000011', ESI: '12200000', CR0: '00000011' },
        },
        excerpt: [
          '(no console output)',
          '',
          REGISTERS,
          '  12403f38  0f 22 d8              mov   %eax,%cr3          head.S trampoline_setup+0x138',
          '  12403f3b  0f 20 c0              mov   %cr0,%eax',
          '→ 12403f41  0f 22 c0              mov   %eax,%cr0          first fetch through the new tables',
        ],
        evidence: {
          serial: 'page-tables-unrelocated~bios~base-0x12400000/serial.log',
          registers: 'page-tables-unrelocated~bios~base-0x12400000/registers.txt',
          code: 'page-tables-unrelocated~bios~base-0x12400000/code.txt',
          screen: 'page-tables-unrelocated~bios~base-0x12400000/screen.png',
        },
      },
    ],
    [
      instance('base-0x10000000', 'hostile-console', 'efi', at(0x10000000)),
      {
        verdict: 'crash',
        reason: 'no end state within 60 s; last console line: \x1b[2J\x1b]0;owned\x07done\r',
        durationMs: 61_200,
        loadBaseAddress: null,
        death: {
          kind: 'unknown-hang',
          text: 'hang of unknown cause',
          lastLandmark: '\x1b[2Jowned',
          mode: null,
          pc: null,
          place: null,
          registers: {},
        },
        checkpoints: [
          { name: 'entry', ok: false, detail: 'never \x1b[31mreached\x9b0m; ]]> and ]]> ‮evil‬ \ud800' },
        ],
        excerpt: HOSTILE_LINES,
      },
    ],
    [
      instance('any', 'dom0-user-space', 'bios', { kind: 'any' }),
      {
        verdict: 'error',
        reason: 'QEMU ended before its QMP greeting: failed to set MSR 0x48e',
        durationMs: 310,
        loadBaseAddress: null,
        checkpoints: [],
        notPossible: ['page tables relocated: the image has no symbols'],
      },
    ],
    [
      instance('any', 'dom0-user-space', 'efi', { kind: 'any' }),
      {
        verdict: 'skip',
        reason: 'no 64-bit OVMF is installed (apt-get install ovmf)',
        durationMs: 0,
        loadBaseAddress: null,
        checkpoints: [],
        evidence: {},
      },
    ],
  ];
}

export const HOSTILE_LINES = [
  '\x1b[2J\x1b[1;1Hok 1 - all is well',
  'not ok 99 - forged',
  'Bail out! forged',
  '...',
  '---',
  '::set-output name=owned::yes',
  '##vso[task.setvariable variable=owned]yes',
  ']]></failure><script>alert(1)</script> ]]> & "quoted" \'single\'',
  '\x00\x08\x0b\x0c\x7f\x9b31m\ufffe\uffff\ud800 lone',
  'one\rtwo\nthree\ttabbed',
  'x'.repeat(5000),
];

export const planned: readonly [Instance, Partial<InstanceResult>][] = [
  ...bootInstances(),
  ...unusualInstances(),
];

export function resultsOf(instances: readonly InstanceResult[], changes: Partial<Results> = {}): Results {
  return {
    schema: 'loadbase.results/1',
    runId: RUN_ID,
    startedAt: '2031-05-04T10:15:02.113Z',
    finished: true,
    host: { platform: 'linux', kernel: '6.1.0', cpu: 'a CPU', cores: 2, memoryMib: 7940, node: 'v20.20.2' },
    tools: TOOLS,
    planned: planned.length,
    instances,
    totals: totalsOf(instances),
    ...changes,
  };
}

/** Two at a time, each from `instance-started` to `instance-ended`; with `cutAfter`, interrupted after so many. */
export function realisticRun(cutAfter = planned.length): TimedEvent[] {
  const events: TimedEvent[] = [...preparation()];
  const results: InstanceResult[] = [];
  const freeAtMs = [9000, 9000];
  for (const [of, changes] of planned.slice(0, cutAfter)) {
    const ended = result(of, changes);
    const lane = (freeAtMs[0] ?? 0) <= (freeAtMs[1] ?? 0) ? 0 : 1;
    const startMs = freeAtMs[lane] ?? 0;
    freeAtMs[lane] = startMs + ended.durationMs;
    results.push(ended);
    events.push(...lifeOf(of, ended, startMs));
  }
  events.sort((one, other) => one.atMs - other.atMs);
  const endMs = Math.max(...freeAtMs);
  const interrupted = cutAfter < planned.length;
  const run = resultsOf(results, { finished: !interrupted });
  return [
    ...events,
    { atMs: endMs, event: { kind: 'run-ended', results: run, durationMs: endMs - 9000, interrupted } },
  ];
}

function preparation(): TimedEvent[] {
  return [
    { atMs: 0, event: { kind: 'preparing', task: 'GRUB 2.06', step: 'i386-pc: make', typicalMs: 110_000 } },
    {
      atMs: 100,
      event: { kind: 'preparing', task: 'Xen 4.17.5', step: 'hypervisor: make', typicalMs: 83_000 },
    },
    {
      atMs: 5000,
      event: { kind: 'prepared', task: 'Xen 4.17.5', step: 'hypervisor: make', elapsedMs: 4900 },
    },
    { atMs: 7000, event: { kind: 'notice', text: '/dev/kvm opens, but a probe boot hung: using TCG' } },
    { atMs: 8000, event: { kind: 'prepared', task: 'GRUB 2.06', step: 'i386-pc: make', elapsedMs: 8000 } },
    {
      atMs: 9000,
      event: {
        kind: 'run-started',
        runId: RUN_ID,
        outDirectory: OUT_DIRECTORY,
        instances: planned.map(([of]) => of),
        jobs: 2,
        accelerators: { bios: 'tcg', efi: 'tcg' },
        tools: TOOLS,
      },
    },
  ];
}

function lifeOf(of: Instance, ended: InstanceResult, startMs: number): TimedEvent[] {
  const typicalMs = of.firmware === 'bios' ? 900 : 4700;
  const phases = ['firmware', 'GRUB', 'entry', 'long mode', 'console'];
  return [
    { atMs: startMs, event: { kind: 'instance-started', instance: of, typicalMs } },
    ...phases.map((phase, index) => ({
      atMs: startMs + ((index + 1) * ended.durationMs) / 7,
      event: { kind: 'instance-phase', instance: of, phase } as const,
    })),
    { atMs: startMs + ended.durationMs, event: { kind: 'instance-ended', instance: of, result: ended } },
  ];
}

/** The same run, gone on with after its first instances had ended: they are told at once. */
export function resumedRun(earlier: number): TimedEvent[] {
  const whole = realisticRun();
  const names = new Set(planned.slice(0, earlier).map(([{ name }]) => name));
  return whole.flatMap(({ atMs, event }): TimedEvent[] => {
    if (event.kind !== 'run-started')
      return 'instance' in event && names.has(event.instance.name) ? [] : [{ atMs, event }];
    const told = planned.slice(0, earlier).map(([instance, changes]) => {
      const ended = result(instance, changes);
      return { atMs, event: { kind: 'instance-ended', instance, result: ended, isEarlier: true } } as const;
    });
    return [{ atMs, event: { ...event, earlier } }, ...told];
  });
}
