/** Rules of a specification as data, and what they say of one subject. */

/** What one rule says of one subject. Rules that do not apply to it say nothing. */
export interface RuleFinding {
  /** Short name in kebab case; stable, so that results can be compared. */
  readonly rule: string;
  /** Whether it holds, or its breach is a known deviation of the loader. */
  readonly ok: boolean;
  /** Where it holds, what is demanded; else what was seen, and by what source what is demanded. */
  readonly text: string;
  /** A breach that is known of this loader; then `ok` is true and the text begins with `note: known deviation`. */
  readonly tolerated?: Tolerance;
}

export interface Tolerance {
  readonly loader: string;
  readonly reason: string;
}

export interface Rule<Subject> {
  readonly name: string;
  /** In words, as a sentence without its full stop. */
  readonly demands: string;
  /** Specification and section, or the commit that set the habit. */
  readonly source: string;
  /** What breaks it, in words: nothing where it holds, undefined where it does not apply. Never throws. */
  readonly breaches: (subject: Subject) => readonly string[] | undefined;
}

/** Breaches named in one finding; the rest is counted. */
const NAMED_BREACHES = 3;

/** One finding for each rule that applies, in the table's order. */
export function judge<Subject>(
  rules: readonly Rule<Subject>[],
  subject: Subject,
  tolerated: (rule: string) => Tolerance | undefined = () => undefined,
): RuleFinding[] {
  return rules.flatMap((rule) => {
    const breaches = rule.breaches(subject);
    return breaches === undefined ? [] : [finding(rule, breaches, tolerated(rule.name))];
  });
}

function finding<Subject>(
  { name: rule, demands, source }: Rule<Subject>,
  breaches: readonly string[],
  tolerance: Tolerance | undefined,
): RuleFinding {
  if (breaches.length === 0) return { rule, ok: true, text: demands };
  const text = `${seen(breaches)}; ${source} demands: ${demands}`;
  if (tolerance === undefined) return { rule, ok: false, text };
  const { loader, reason } = tolerance;
  return {
    rule,
    ok: true,
    text: `note: known deviation of ${loader}: ${text} (${reason})`,
    tolerated: tolerance,
  };
}

function seen(breaches: readonly string[]): string {
  const more = breaches.length - NAMED_BREACHES;
  const named = breaches.slice(0, NAMED_BREACHES).join('; ');
  return more > 0 ? `${named}; and ${more} more` : named;
}

/** `text` alone where `broken`, else nothing: for rules with one thing to say. */
export function breachIf(broken: boolean, text: () => string): readonly string[] {
  return broken ? [text()] : [];
}

/** The findings that do not hold, for a verdict. */
export function brokenRules(findings: readonly RuleFinding[]): readonly RuleFinding[] {
  return findings.filter((finding) => !finding.ok);
}
