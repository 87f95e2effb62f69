/** `loadbase list`: names and expectations, from the matrix alone; boots nothing, builds nothing. */
import type { Command } from 'commander';
import { SCENARIOS } from '../../scenarios/index.ts';
import { formatInstanceList } from '../report/list-table.ts';
import { baseWord, generalExpectation, rememberedExpectations } from '../scenario/expectation-memory.ts';
import { selectInstances } from '../scenario/instance-name.ts';
import { addInstanceOptions, matrixInstances, type InstanceOptions } from './instance-options.ts';
import { cacheRoot, standardOutput } from './surroundings.ts';

export function addListCommand(program: Command): void {
  const command = program
    .command('list')
    .description('instances of the matrix, with their expected outcomes')
    .argument('[glob...]', "only those that match, e.g. '*~bios~*'");
  addInstanceOptions(command, SCENARIOS)
    .option('--json', 'as JSON, with each scenario’s claim')
    .addHelpText(
      'after',
      `
Expectations that depend on the firmware's memory map are exact once a run has seen it.

Examples:
  loadbase list
  loadbase list '*~efi~*' --json
  loadbase list | cut -f1            names only`,
    )
    .action(listCommand);
}

async function listCommand(
  globs: readonly string[],
  options: InstanceOptions & { readonly json?: boolean },
): Promise<void> {
  const target = standardOutput();
  const remembered = await rememberedExpectations(cacheRoot());
  const rows = selectInstances(matrixInstances(SCENARIOS, options), globs).map((instance) => ({
    ...instance,
    ...(remembered[instance.name] ?? { base: baseWord(instance), expected: generalExpectation(instance) }),
  }));
  if (!options.json) {
    target.write(formatInstanceList(rows, target));
    return;
  }
  const scenarios = SCENARIOS.map(({ name, claim }) => ({ name, claim }));
  target.write(`${JSON.stringify({ scenarios, instances: rows }, undefined, 2)}\n`);
}
