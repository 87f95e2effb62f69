/**
 * What the harness costs an instance: console, checkpoints and all evidence, against QEMU alone. The layout oracle has a
 * budget of its own and a figure of its own (layout-cost), so it is left out here.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packPayload } from '../../harness/image/payload.ts';
import { bootPieces } from '../../harness/scenario/debug-pieces.ts';
import { PROBE_END } from '../../harness/probe/record.ts';
import { XEN_LINES } from '../../harness/xen/console.ts';
import { bareBoot } from './bare-boot.ts';
import { type Figure, interleaved, type Measured, type MeasureOptions } from './figure.ts';
import { instanceMs, prepareInstance, roundFolder, withFolder } from './prepared-run.ts';

const ROUNDS = { bios: 21, efi: 7 } as const;

export function instanceOverhead(firmware: 'bios' | 'efi'): Figure {
  const instance = `xen-early-boot~${firmware}~base-0x03e00000`;
  const compared = { instance, rounds: ROUNDS[firmware], layout: false, lastWord: XEN_LINES.noDom0 };
  return {
    name: `instance-overhead-${firmware}`,
    about: `one instance (${instance}) through the harness without its layout oracle; peer: bare QEMU, same machine, to the same console line`,
    measure: (options) => withFolder((folder) => measure(compared, folder, options)),
  };
}

export const probeInstance: Figure = {
  name: 'probe-instance-bios',
  about:
    'one instance of grub-relocatable with every witness, from its payload to its verdict; peer: bare QEMU, same machine, to the end of the probe’s record',
  measure: (options) =>
    withFolder((folder) =>
      measure(
        {
          instance: 'grub-relocatable~bios~middle-0x1000-high',
          rounds: ROUNDS.bios,
          layout: true,
          lastWord: PROBE_END,
        },
        folder,
        options,
      ),
    ),
};

interface Compared {
  readonly instance: string;
  /** Where nobody asks for another number. */
  readonly rounds: number;
  readonly layout: boolean;
  /** Where bare QEMU is ended. */
  readonly lastWord: RegExp;
}

async function measure(
  { instance, rounds: usualRounds, layout, lastWord }: Compared,
  folder: string,
  { rounds = usualRounds, say }: MeasureOptions,
): Promise<Measured> {
  const prepared = await prepareInstance(instance, folder, say);
  const { planned, artifacts } = prepared;
  const payload = join(folder, 'payload.tar');
  await writeFile(payload, await packPayload(bootPieces(planned, artifacts).payload));
  let round = 0;
  const ours = async () => instanceMs(prepared, await roundFolder(folder, round++), layout);
  const peers = () => bareBoot(artifacts.qemu.path, { ...planned.spec, payload }, folder, lastWord);
  const medians = await interleaved(rounds, ours, peers, (our, peer) =>
    say(`${instance}: harness ${our.toFixed(0)} ms, bare QEMU ${peer.toFixed(0)} ms`),
  );
  return { value: medians.ours, unit: 'ms', peer: 'bare QEMU', peerValue: medians.peers };
}
