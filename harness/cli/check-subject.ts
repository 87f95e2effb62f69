/** The image that is checked: read or built, and refused where the model cannot run it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireCheckable, UncheckableImageError } from '../check/checkable-image.ts';
import type { CheckedImageData } from '../check/checker.ts';
import { projectRoot } from '../workdir/project-root.ts';
import { sharedBytes } from '../check/workers/worker-pool.ts';
import { makeReporter } from '../report/make-reporter.ts';
import { prepareSubject } from '../scenario/prepare-subjects.ts';
import { loadSubject, SubjectError, type Subject } from '../scenario/subject.ts';
import type { CheckOptions } from './run-options.ts';
import { UsageError } from './exit-codes.ts';
import { artifactRequest, imageAndSymbols, toolchainContext } from './source-options.ts';
import { standardError } from './surroundings.ts';

/** Both come from Debian's source, as `loadbase run` takes them unasked. */
const USUAL_SOURCES = { grubSrc: 'debian', xenSrc: 'debian' };

/** @throws UsageError, SubjectError, and whatever a build throws. */
export async function subjectToCheck(options: CheckOptions, signal: AbortSignal): Promise<Subject> {
  if (options.xen !== undefined && options.specimen !== undefined)
    throw new UsageError('--xen and --specimen are two images; give one of them');
  const subject = options.xen === undefined ? await built(options, signal) : await given(options.xen);
  try {
    requireCheckable(subject.image.loaded);
  } catch (error) {
    if (!(error instanceof UncheckableImageError)) throw error;
    throw new SubjectError(`${subject.imagePath}: ${error.message}`, { cause: error });
  }
  return subject;
}

async function given(text: string): Promise<Subject> {
  const [path, symbolsPath] = imageAndSymbols(text);
  return loadSubject('xen', path, symbolsPath, path);
}

/** What a build tells goes to standard error: standard output is the report's. */
async function built({ specimen }: CheckOptions, signal: AbortSignal): Promise<Subject> {
  const reporter = makeReporter({ name: 'pretty' }, standardError(), { cwd: process.cwd() });
  try {
    const context = toolchainContext((event) => reporter.onEvent(event), signal);
    return await prepareSubject(specimen ?? 'xen', artifactRequest(USUAL_SOURCES).subjects, context);
  } finally {
    await reporter.end();
  }
}

/** As plain data, for workers. */
export async function checkedImageData({ name, image, symbolsPath }: Subject): Promise<CheckedImageData> {
  const isXen = name === 'xen';
  return {
    subject: isXen ? 'xen' : 'kernel',
    image: image.bytes,
    symbols: isXen && symbolsPath !== undefined ? sharedBytes(await readFile(symbolsPath)) : undefined,
    machines: await machineProfiles(),
  };
}

const GOLDEN = 'results/golden';

/** Those that were promoted, the usual machines first. */
async function machineProfiles(): Promise<string[]> {
  const folder = join(projectRoot(), GOLDEN);
  const names = (await readdir(folder)).filter((name) => /^machine-.*\.json$/.test(name));
  names.sort((a, b) => a.length - b.length);
  return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
}
