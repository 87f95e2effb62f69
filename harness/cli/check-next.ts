/** The command to run next: the same boot on a real machine, or again in the model. */
import type { EntryName } from '../check/contract.ts';
import { isBootable } from '../check/representative.ts';
import { makeInstance } from '../scenario/instance-name.ts';
import type { Subject } from '../scenario/subject.ts';
import type { CheckOptions } from './run-options.ts';
import { quoted } from './shell-word.ts';

export interface NextBoot {
  readonly entry: EntryName;
  readonly loadBase: number;
  readonly isMisaligned: boolean;
}

/** One line for a shell. Bases that no machine of ours has memory for, or GRUB takes unasked only, are checked again. */
export function nextCommand(subject: Subject, options: CheckOptions, boot: NextBoot): string {
  const { entry, loadBase, isMisaligned } = boot;
  const base = ['--base', `0x${loadBase.toString(16)}`];
  const words =
    isBootable(loadBase) && !isMisaligned
      ? ['debug', instanceName(subject, boot), ...base, ...bootedImage(subject, options)]
      : ['check', ...base, '--entry', entry, ...checkedImage(options)];
  return ['npx', 'loadbase', ...words].map(quoted).join(' ');
}

function instanceName(subject: Subject, { entry, loadBase }: NextBoot): string {
  const isXen = subject.name === 'xen';
  return makeInstance({
    scenario: isXen ? 'xen-early-boot' : 'kernel',
    subject: isXen ? 'xen' : 'kernel',
    firmware: entry,
    base: { kind: 'at', address: loadBase },
  }).name;
}

/** To `loadbase debug` a specimen is a kernel as any other. */
function bootedImage({ name, imagePath }: Subject, { xen }: CheckOptions): string[] {
  if (name !== 'xen') return ['--kernel', imagePath];
  return xen === undefined ? [] : ['--xen', xen];
}

function checkedImage({ xen, specimen }: CheckOptions): string[] {
  return [
    ...(xen === undefined ? [] : ['--xen', xen]),
    ...(specimen === undefined ? [] : ['--specimen', specimen]),
  ];
}
