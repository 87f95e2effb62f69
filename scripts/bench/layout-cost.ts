/** What it costs an instance that its memory is shared, mapped, hashed, given a pattern and compared. */
import { type Figure, interleaved, type Measured, type MeasureOptions } from './figure.ts';
import { instanceMs, prepareInstance, roundFolder, withFolder } from './prepared-run.ts';

const ROUNDS = { bios: 21, efi: 7 } as const;

export function layoutCost(firmware: 'bios' | 'efi'): Figure {
  const instance = `xen-early-boot~${firmware}~base-0x03e00000`;
  return {
    name: `layout-cost-${firmware}`,
    about: `one instance (${instance}) as it is; peer: the same without the layout oracle and shared RAM`,
    measure: (options) => withFolder((folder) => measure(instance, ROUNDS[firmware], folder, options)),
  };
}

async function measure(
  instance: string,
  usualRounds: number,
  folder: string,
  { rounds = usualRounds, say }: MeasureOptions,
): Promise<Measured> {
  const prepared = await prepareInstance(instance, folder, say);
  let round = 0;
  const run = async (layout: boolean) => instanceMs(prepared, await roundFolder(folder, round++), layout);
  const medians = await interleaved(
    rounds,
    () => run(true),
    () => run(false),
    (our, peer) => say(`${instance}: with ${our.toFixed(0)} ms, without ${peer.toFixed(0)} ms`),
  );
  return { value: medians.ours, unit: 'ms', peer: 'without layout oracle', peerValue: medians.peers };
}
