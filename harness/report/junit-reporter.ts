/** For CI: JUnit XML as Jenkins reads it, one suite per scenario and firmware, written once the run is over. */

import junitModule, { type Builder, type TestCase, type TestSuite } from 'junit-report-builder';
import { join } from 'node:path';
import type { InstanceLabel, InstanceResult, RunEvent } from '../scenario/contract.ts';
import { bound, escapeForXml } from './escape.ts';
import { excerptLines } from './excerpt.ts';
import { CHECKPOINTS_MAX, DETAIL_MAX, NAME_MAX, REASON_MAX } from './limits.ts';
import type { Reporter, ReporterTarget } from './reporter.ts';
import { NO_PROGRESS, type RunEnded, type RunProgress, observe, withoutVerdict } from './run-progress.ts';

/** Version 5's types say `export default`, its CommonJS code says `module.exports`: Node gives the builder itself. */
const junit = junitModule as unknown as Builder;

export class JunitReporter implements Reporter {
  #progress: RunProgress = NO_PROGRESS;
  #ended: RunEnded | undefined;

  constructor(readonly target: ReporterTarget) {}

  onEvent(event: RunEvent): void {
    this.#progress = observe(this.#progress, event, 0);
    if (event.kind === 'run-ended') this.#ended = event;
  }

  async end(): Promise<void> {
    this.target.write(`${junitXml(this.#progress, this.#ended)}\n`);
  }
}

function junitXml(progress: RunProgress, ended: RunEnded | undefined): string {
  const builder = junit.newBuilder().name('loadbase');
  const folder = progress.run?.started.outDirectory ?? '';
  const results =
    ended?.results.instances ?? [...progress.ended, ...progress.flakes].map(({ result }) => result);
  const lost = withoutVerdict(progress);
  for (const [name, members] of suitesOf([...results, ...lost])) {
    const suite = builder.testSuite().name(xmlLine(name, NAME_MAX));
    describeSuite(suite, members.filter(isResult), ended);
    for (const member of members)
      if (isResult(member)) addResult(suite.testCase(), member, folder);
      else addLost(suite.testCase(), member, ended?.interrupted === true);
  }
  return builder.build();
}

function describeSuite(
  suite: TestSuite,
  results: readonly InstanceResult[],
  ended: RunEnded | undefined,
): void {
  suite.time(seconds(results.reduce((sum, { durationMs }) => sum + durationMs, 0)));
  if (ended === undefined) return;
  // JUnit's schema (Jenkins, xunit-plugin) knows no fractions of seconds and no zone here.
  suite.timestamp(xmlLine(ended.results.startedAt.replace(/(\.\d+)?Z?$/, ''), NAME_MAX));
  for (const [tool, { version }] of Object.entries(ended.results.tools))
    suite.property(xmlLine(tool, NAME_MAX), xmlLine(version, NAME_MAX));
}

function addResult(testCase: TestCase, result: InstanceResult, folder: string): void {
  nameCase(testCase, result).time(seconds(result.durationMs));
  const reason = xmlLine(result.reason, REASON_MAX);
  switch (result.verdict) {
    case 'pass':
      break;
    case 'skip':
      testCase.skipped();
      break;
    case 'fail':
    case 'crash':
    case 'flaky':
      testCase.failure(reason, result.verdict).stacktrace(findings(result));
      break;
    case 'error':
      testCase.error(reason, result.verdict, findings(result));
      break;
  }
  if (result.start !== undefined) testCase.property('start', result.start);
  testCase.standardOutput(output(result, folder));
}

/** An instance that never got a verdict must not be missed in a report that looks green. */
function addLost(testCase: TestCase, instance: InstanceLabel, interrupted: boolean): void {
  const why = interrupted ? 'the run was interrupted' : 'the run ended too early';
  nameCase(testCase, instance).time(0).error(`no verdict: ${why}`, 'no-verdict');
}

function nameCase(
  testCase: TestCase,
  { name, scenario, firmware }: InstanceResult | InstanceLabel,
): TestCase {
  testCase.className(xmlLine(`loadbase.${scenario}.${firmware}`, NAME_MAX));
  testCase.name(xmlLine(name, NAME_MAX));
  return testCase;
}

function findings(result: InstanceResult): string {
  const failed = result.checkpoints.filter(({ ok }) => !ok).slice(0, CHECKPOINTS_MAX);
  return [
    `expected: ${xmlLine(result.expected, REASON_MAX)}`,
    `load base: ${xmlLine(result.loadBaseAddress ?? 'not seen', NAME_MAX)}`,
    ...failed.map(({ name, detail }) => `✗ ${xmlLine(name, NAME_MAX)}: ${xmlLine(detail, DETAIL_MAX)}`),
    '',
    ...excerptLines(result.excerpt).map(escapeForXml),
  ].join('\n');
}

function output(result: InstanceResult, folder: string): string {
  return [
    `${result.verdict}: ${xmlLine(result.reason, REASON_MAX)}`,
    ...Object.entries(result.evidence).map(
      ([kind, path]) => `${xmlLine(kind, NAME_MAX)}: ${xmlLine(join(folder, path), DETAIL_MAX)}`,
    ),
    `repeat: ${xmlLine(result.repeat, DETAIL_MAX)}`,
  ].join('\n');
}

/** (Node 20 has no Map.groupBy.) */
function suitesOf(
  members: readonly (InstanceResult | InstanceLabel)[],
): Map<string, (InstanceResult | InstanceLabel)[]> {
  const suites = new Map<string, (InstanceResult | InstanceLabel)[]>();
  for (const member of members) {
    const name = `${member.scenario}~${member.firmware}`;
    const suite = suites.get(name);
    if (suite) suite.push(member);
    else suites.set(name, [member]);
  }
  return suites;
}

function isResult(member: InstanceResult | InstanceLabel): member is InstanceResult {
  return 'verdict' in member;
}

function xmlLine(text: string, max: number): string {
  return escapeForXml(bound(text, max));
}

function seconds(durationMs: number): number {
  return Math.round(durationMs) / 1000;
}
