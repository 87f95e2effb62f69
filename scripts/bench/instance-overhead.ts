/**
 * What the harness costs an instance: console, checkpoints and all evidence, against QEMU alone. The layout oracle has a
 * budget of its own and a figure of its own (layout-cost), so it is left out here.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packPayload } from '../../harness/image/payload.ts';
import { bootPieces } from '../../harness/scenario/debug-pieces.ts';
import { bareBoot } from './bare-boot.ts';
import { type Figure, interleaved, type Measured, type MeasureOptions } from './figure.ts';
import { instanceMs, prepareInstance, roundFolder, withFolder } from './prepared-run.ts';

const ROUNDS = { bios: 21, efi: 7 } as const;

export function instanceOverhead(firmware: 'bios' | 'efi'): Figure {
  const instance = `xen-early-boot~${firmware}~base-0x03e00000`;
  return {
    name: `instance-overhead-${firmware}`,
    about: `one instance (${instance}) through the harness without its layout oracle; peer: bare QEMU, same machine, to the same console line`,
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
  const { planned, artifacts } = prepared;
  const payload = join(folder, 'payload.tar');
  await writeFile(payload, await packPayload(bootPieces(planned, artifacts).payload));
  let round = 0;
  const ours = async () => instanceMs(prepared, await roundFolder(folder, round++), false);
  const peers = () => bareBoot(artifacts.qemu.path, { ...planned.spec, payload }, folder);
  const medians = await interleaved(rounds, ours, peers, (our, peer) =>
    say(`${instance}: harness ${our.toFixed(0)} ms, bare QEMU ${peer.toFixed(0)} ms`),
  );
  return { value: medians.ours, unit: 'ms', peer: 'bare QEMU', peerValue: medians.peers };
}
