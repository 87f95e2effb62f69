/** What CPU and devices answered, by question. */
import type { MachineProfile } from './machine-profile.ts';
import { subleafOf } from './machine-inputs.ts';
import type { ObservedInput } from './observed-boot.ts';

interface AskedAt {
  readonly loadBase: number;
  readonly inputs: readonly ObservedInput[];
}

/** @param captures of which the first one’s answers are taken, and the time stamps of the first one at each base */
export function cpuAnswers(captures: readonly AskedAt[]): MachineProfile['cpu'] {
  const { inputs } = captures[0]!;
  const timestamps = new Map<number, bigint[]>();
  for (const each of captures)
    if (!timestamps.has(each.loadBase)) timestamps.set(each.loadBase, timesOf(each.inputs));
  return {
    cpuid: grouped(inputs, 'cpuid', ([leaf, subleaf]) => [leaf!, subleafOf(leaf!, subleaf!)]).map(
      ([[leaf, subleaf], answers]) => ({
        ...{ leaf: leaf!, subleaf: subleaf! },
        answers: answers.map(
          ([eax, ebx, ecx, edx]) => [eax!, ebx!, ecx!, edx!] as [number, number, number, number],
        ),
      }),
    ),
    modelSpecific: grouped(inputs, 'modelSpecific', (asked) => asked).map(([[index], answers]) => ({
      ...{ index: index!, answers: answers.map(wideOf) },
    })),
    ports: grouped(inputs, 'port', (asked) => asked).map(([[port, sizeBytes], answers]) => ({
      ...{ port: port!, sizeBytes: sizeBytes!, answers: answers.map(([value]) => value!) },
    })),
    timestamps: [...timestamps].map(([loadBase, answers]) => ({ loadBase, answers })),
  };
}

function timesOf(inputs: readonly ObservedInput[]): bigint[] {
  return inputs.filter(({ kind }) => kind === 'timestamp').map(({ answer }) => wideOf(answer));
}

function wideOf([low, high]: readonly number[]): bigint {
  return BigInt(low!) | (BigInt(high!) << 32n);
}

type Answers = [asked: readonly number[], answers: (readonly number[])[]];

/** In the order in which they were first asked; answers that stay the same are one. */
function grouped(
  inputs: readonly ObservedInput[],
  kind: ObservedInput['kind'],
  question: (asked: readonly number[]) => readonly number[],
): Answers[] {
  const groups = new Map<string, Answers>();
  for (const input of inputs.filter((each) => each.kind === kind)) {
    const asked = question(input.asked);
    const group = groups.get(String(asked));
    if (group) group[1].push(input.answer);
    else groups.set(String(asked), [asked, [input.answer]]);
  }
  return [...groups.values()].map(([asked, answers]) => {
    const isConstant = answers.every((each) => String(each) === String(answers[0]));
    return [asked, isConstant ? answers.slice(0, 1) : answers];
  });
}
