/**
 * Measures our model in a process of its own, told over IPC what. V8 specialises the model's code for what it has seen; the
 * replay that made the stretch, other CPUs and other rules in the same isolate would make the same code slower, and by how much
 * would depend on which figures ran before.
 */
import { loadDisassembler } from '../../harness/x86/disassembler.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import { bootRate, type RecordedBoot } from './boot-model.ts';
import { type SanitizedBoot, sanitizedXen } from './sanitized-model.ts';
import { bareExecutor, modelRate, type RunRate } from './stretch-model.ts';
import type { Runs } from './unicorn/stretch-file.ts';
import type { Stretch } from './unicorn/stretch.ts';

export interface ModelTask {
  readonly code: Stretch | RecordedBoot;
  readonly runs: Runs;
  /** Absent: under no rules. */
  readonly sanitized?: SanitizedBoot;
}

export type ModelAnswer = { readonly rate: RunRate } | { readonly error: string };

async function answer({ code, runs, sanitized }: ModelTask): Promise<ModelAnswer> {
  try {
    const executor = sanitized
      ? await sanitizedXen(sanitized)
      : bareExecutor(new CodeStore(await loadDisassembler()));
    const rate = 'trace' in code ? bootRate(code, runs, executor) : modelRate(code, runs, executor);
    return { rate };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

process.once('message', (task) => {
  void answer(task as ModelTask).then((said) => process.send?.(said, () => process.disconnect()));
});
