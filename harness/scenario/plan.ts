/** From instances to planned instances: accelerator, memory map, base in numbers, expectation. */
import { Deadline } from '../lifetime/deadline.ts';
import { proveAccelerator, type AcceleratorProof } from '../boot/accelerator-proof.ts';
import { survey, SurveyError, SurveyStore, type Survey } from '../boot/survey.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import type { BootMedium } from '../image/medium.ts';
import type { RelocationWindow } from '../multiboot2/header-tags.ts';
import { QemuStartError } from '../qemu/launch.ts';
import type { Accelerator, MachineSpec } from '../qemu/machine-spec.ts';
import { firmwareKey, preparationFolder, type Artifacts, type FirmwareArtifact } from './artifacts.ts';
import type { Expectation, Instance, RunListener } from './contract.ts';
import { expectationOf, NoSuchBaseError, resolveBase, windowOf } from './expectation.ts';
import { scenarioOf, type Circumstances, type Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';
import { neutralised } from './neutralised.ts';

export type AcceleratorChoice = 'auto' | Accelerator;

export interface PlanRequest {
  readonly artifacts: Artifacts;
  readonly instances: readonly Instance[];
  readonly accelerator: AcceleratorChoice;
  readonly cacheRoot: string;
  /** The host's kernel release: part of what decides whether KVM works. */
  readonly kernelRelease: string;
  readonly runDirectory: string;
  /** Of all the instances. */
  readonly scenarios: readonly Scenario[];
  readonly emit: RunListener;
  /** Aborting ends the survey or probe that is under way. */
  readonly signal?: AbortSignal;
}

/** An instance ready to run, the reason why it is skipped, or what broke before it could be planned. */
export type PlannedInstance =
  | {
      readonly kind: 'ready';
      readonly instance: Instance;
      readonly subject: Subject;
      readonly given: Circumstances;
      readonly spec: Omit<MachineSpec, 'payload'>;
      readonly base: number | undefined;
      /** What is written into the relocatable header tag; undefined: it stays as it was built. */
      readonly window: RelocationWindow | undefined;
      readonly expectation: Expectation;
      readonly memoryMap: readonly MemoryRegion[];
      /** The boot loader name that the GRUB on this medium must give. */
      readonly loaderName: string;
    }
  | { readonly kind: 'skip' | 'broken'; readonly instance: Instance; readonly reason: string };

export type ReadyInstance = Extract<PlannedInstance, { kind: 'ready' }>;

export interface RunPlan {
  readonly planned: readonly PlannedInstance[];
  /** Firmware and machine → accelerator and why. */
  readonly accelerators: Readonly<Record<string, AcceleratorProof>>;
}

/** A survey that takes this long has hung: OVMF needs 3 s under TCG, a loaded CI machine a multiple of that. */
const SURVEY_MS = 90_000;
/** SeaBIOS and OVMF under TCG on the machine that FACTS were measured on. */
const TYPICAL_SURVEY_MS = { bios: 500, efi: 3_200 } as const;

/** @throws UnwritableFolderError, NoSpaceError, and what BootSession.launch throws; the signal's reason. */
export async function planRun(request: PlanRequest): Promise<RunPlan> {
  const planner = new Planner(request);
  const planned: PlannedInstance[] = [];
  for (const instance of request.instances) {
    request.signal?.throwIfAborted();
    planned.push(await planner.plan(instance));
  }
  return { planned, accelerators: Object.fromEntries(planner.accelerators) };
}

class Planner {
  readonly accelerators = new Map<string, AcceleratorProof>();
  /** What was found, or why nothing was: a firmware that hangs is not waited for again. */
  readonly #surveys = new Map<string, Survey | string>();
  readonly #store: SurveyStore;

  constructor(readonly request: PlanRequest) {
    this.#store = new SurveyStore(request.cacheRoot);
  }

  async plan(instance: Instance): Promise<PlannedInstance> {
    const { artifacts } = this.request;
    const scenario = scenarioOf(this.request.scenarios, instance);
    if (scenario.notMade !== undefined) return { kind: 'skip', instance, reason: scenario.notMade };
    const given = scenario.given(instance);
    const made = artifacts.subjects.get(instance.subject);
    if (!made) throw new Error(`no subject ${instance.subject} was made for ${instance.name}`);
    const subject = neutralised(made, given.neutralised ?? []);
    const firmware = artifacts.firmware.get(firmwareKey(instance.firmware, instance.machine));
    if (firmware === undefined || typeof firmware === 'string')
      return { kind: 'skip', instance, reason: firmware ?? 'no firmware was looked for' };
    if (instance.protocol === 'multiboot1' && !subject.hasMultiboot1)
      return { kind: 'skip', instance, reason: 'the image has no Multiboot 1 header' };
    const grub = artifacts.grub.get(instance.grubVariant);
    if (grub === undefined || typeof grub === 'string')
      return { kind: 'skip', instance, reason: grub ?? 'no such GRUB was built' };
    const medium = grub.media.get(instance.medium);
    if (!medium) throw new Error(`no ${instance.medium} medium was made for ${instance.name}`);
    const spec = await this.#spec(instance, firmware, medium);
    const surveyed = await this.#survey(instance, spec, firmware, medium);
    if (typeof surveyed === 'string') return { kind: 'broken', instance, reason: surveyed };
    const { memoryMap } = surveyed;
    const { image } = subject;
    const { misalignedText } = given;
    try {
      const base = resolveBase(instance, image, memoryMap);
      const window = windowOf(instance, image, base, memoryMap);
      const predicted = expectationOf(instance, base, { image, map: memoryMap, window, misalignedText });
      const expectation = scenario.expectation?.(instance, predicted) ?? predicted;
      const loaderName = `GRUB ${grub.build.version}`;
      return {
        ...{ kind: 'ready', instance, subject, given, base, window },
        spec: given.cpuFeatures ? { ...spec, cpuFeatures: given.cpuFeatures } : spec,
        ...{ expectation, memoryMap, loaderName },
      };
    } catch (error) {
      if (error instanceof NoSuchBaseError) return { kind: 'skip', instance, reason: error.message };
      throw error;
    }
  }

  async #spec(
    instance: Instance,
    firmware: FirmwareArtifact,
    medium: BootMedium,
  ): Promise<Omit<MachineSpec, 'payload'>> {
    const spec = {
      machine: instance.machine,
      memoryMib: instance.memoryMib,
      firmware: firmware.image,
      medium: { kind: instance.medium, path: medium.path },
    };
    return {
      ...spec,
      accelerator: await this.#accelerator(instance, { ...spec, accelerator: 'tcg' }, firmware),
    };
  }

  async #accelerator(
    instance: Instance,
    spec: Omit<MachineSpec, 'payload'>,
    firmware: FirmwareArtifact,
  ): Promise<Accelerator> {
    const { accelerator, artifacts, emit } = this.request;
    const key = firmwareKey(instance.firmware, instance.machine);
    if (accelerator !== 'auto') {
      this.accelerators.set(key, { accelerator, reason: `asked for with --accel ${accelerator}` });
      return accelerator;
    }
    const known = this.accelerators.get(key) ?? this.#uselessElsewhere();
    if (known) {
      this.accelerators.set(key, known);
      return known.accelerator;
    }
    const proof = await proveAccelerator({
      qemu: artifacts.qemu.path,
      spec,
      directory: preparationFolder(this.request.runDirectory, `accelerator-${key}`),
      ...this.#abortable(),
      cacheRoot: this.request.cacheRoot,
      inputs: {
        qemu: artifacts.qemu.sha256,
        kernel: this.request.kernelRelease,
        firmware: firmware.sha256 ?? null,
        key,
      },
      onProbe: () =>
        emit({ kind: 'preparing', task: 'accelerator', step: `does KVM boot ${key}?`, typicalMs: 3_000 }),
    });
    this.accelerators.set(key, proof);
    return proof.accelerator;
  }

  #abortable(): { signal?: AbortSignal } {
    const { signal } = this.request;
    return signal ? { signal } : {};
  }

  /** Where KVM could not boot one firmware it is not tried with the next: each try may cost its whole time. */
  #uselessElsewhere(): AcceleratorProof | undefined {
    return [...this.accelerators.values()].find(({ accelerator }) => accelerator === 'tcg');
  }

  async #survey(
    instance: Instance,
    spec: Omit<MachineSpec, 'payload'>,
    firmware: FirmwareArtifact,
    medium: BootMedium,
  ): Promise<Survey | string> {
    const { artifacts, emit } = this.request;
    const inputs = {
      qemu: artifacts.qemu.sha256,
      firmware: firmware.sha256 ?? null,
      machine: spec.machine,
      memoryMib: spec.memoryMib,
      accelerator: spec.accelerator,
      medium: medium.sha256,
    };
    const key = JSON.stringify(inputs);
    const known = this.#surveys.get(key) ?? (await this.#store.find(inputs));
    if (known) {
      this.#surveys.set(key, known);
      return known;
    }
    const what = `${firmwareKey(instance.firmware, instance.machine)}-${instance.medium}-${spec.memoryMib}`;
    const step = `memory map of ${what}`;
    emit({ kind: 'preparing', task: 'survey', step, typicalMs: TYPICAL_SURVEY_MS[instance.firmware] });
    const found = await survey({
      qemu: artifacts.qemu.path,
      spec,
      directory: preparationFolder(this.request.runDirectory, `survey-${what}-${instance.grubVariant}`),
      deadline: Deadline.in(SURVEY_MS),
      ...this.#abortable(),
    }).catch((error: unknown) => {
      this.request.signal?.throwIfAborted();
      if (error instanceof SurveyError || error instanceof QemuStartError) return error.message;
      throw error;
    });
    this.#surveys.set(key, found);
    if (typeof found === 'string') return found;
    emit({ kind: 'prepared', task: 'survey', step, elapsedMs: found.durationMs });
    await this.#store.keep(inputs, found);
    return found;
  }
}
