import { FileTarget } from './file-target.ts';
import { JsonReporter } from './json-reporter.ts';
import { JunitReporter } from './junit-reporter.ts';
import { PrettyReporter } from './pretty-reporter.ts';
import type { ReporterSpec } from './reporter-spec.ts';
import type { Reporter, ReporterOptions, ReporterTarget } from './reporter.ts';
import { TapReporter } from './tap-reporter.ts';

/**
 * The reporter that `spec` names.
 * @param target standard output; a spec with a file writes there instead, without colours or cursor movement.
 * @throws ReporterFileError where that file cannot be opened.
 */
export function makeReporter(
  spec: ReporterSpec,
  target: ReporterTarget,
  options: ReporterOptions = {},
): Reporter {
  if (spec.file === undefined) return reporterOn(spec, target, options);
  const file = new FileTarget(spec.name, spec.file);
  const reporter = reporterOn(spec, file, options);
  return {
    onEvent: (event) => reporter.onEvent(event),
    end: async () => {
      try {
        await reporter.end();
      } finally {
        file.close();
      }
    },
  };
}

function reporterOn({ name }: ReporterSpec, target: ReporterTarget, options: ReporterOptions): Reporter {
  switch (name) {
    case 'pretty':
      return new PrettyReporter(target, options);
    case 'tap':
      return new TapReporter(target);
    case 'json':
      return new JsonReporter(target);
    case 'junit':
      return new JunitReporter(target);
  }
}
