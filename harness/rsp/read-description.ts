/** Fetches a stub's target description. Source: GDB manual, appendix E, "qXfer:features:read". */
import { RspProtocolError } from './errors.ts';
import { maxReadBytes, type StubFeatures } from './features.ts';
import type { RspSession } from './rsp-session.ts';
import { includedFiles } from './target-description.ts';

/** A target description is a few kilobytes; what goes on beyond this is none. */
const MAX_DESCRIPTION_BYTES = 1024 * 1024;
const MAX_DESCRIPTION_FILES = 32;

/** Its files, each after those before it. @throws RspProtocolError where there is none, or it does not end */
export async function readDescription(session: RspSession, features: StubFeatures): Promise<string[]> {
  if (!features.targetDescription) throw new RspProtocolError('the stub does not describe its registers');
  const files: string[] = [];
  const names = ['target.xml'];
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (files.length >= MAX_DESCRIPTION_FILES)
      throw new RspProtocolError('the target description does not end');
    const xml = await readFeatureFile(session, name, maxReadBytes(features));
    files.push(xml);
    names.unshift(...includedFiles(xml));
  }
  return files;
}

async function readFeatureFile(session: RspSession, name: string, mostBytes: number): Promise<string> {
  for (let text = ''; text.length <= MAX_DESCRIPTION_BYTES;) {
    const reply = await session.ask(
      `qXfer:features:read:${name}:${text.length.toString(16)},${mostBytes.toString(16)}`,
    );
    text += reply.slice(1);
    if (reply.startsWith('l')) return text;
    if (!reply.startsWith('m') || reply.length === 1)
      throw new RspProtocolError(`no ${name}`, reply.slice(0, 80));
  }
  throw new RspProtocolError(`${name} is longer than ${MAX_DESCRIPTION_BYTES} bytes`);
}
