/**
 * Measures our model in a process of its own, told over IPC what. V8 specialises the model's code for what it has seen; the
 * replay that made the stretch, other CPUs and other hooks in the same isolate would make the same code slower, and by how much
 * would depend on which figures ran before.
 */
import { loadDisassembler } from '../../harness/x86/disassembler.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import { type ModelRate, modelRate, type Prepare } from './stretch-model.ts';
import type { Runs } from './unicorn/stretch-file.ts';
import type { Stretch } from './unicorn/stretch.ts';

/** Switches the sanitizer on, once there is one. */
const PREPARE: Prepare | undefined = undefined;

export interface ModelTask {
  readonly stretch: Stretch;
  readonly runs: Runs;
}

export type ModelAnswer = { readonly rate: ModelRate } | { readonly error: string };

async function answer({ stretch, runs }: ModelTask): Promise<ModelAnswer> {
  try {
    const store = new CodeStore(await loadDisassembler());
    return { rate: modelRate(stretch, { store, runs, ...(PREPARE ? { prepare: PREPARE } : {}) }) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

process.once('message', (task) => {
  void answer(task as ModelTask).then((said) => process.send?.(said, () => process.disconnect()));
});
