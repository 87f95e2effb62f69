import t from 'tap';
import { ReporterSpecError, parseReporterSpecs } from './reporter-spec.ts';

t.test('names and files, alone, in lists and in several options', (t) => {
  t.same(parseReporterSpecs(['tap']), [{ name: 'tap' }]);
  t.same(parseReporterSpecs(['pretty, junit=a=b.xml', 'tap=out/x.tap']), [
    { name: 'pretty' },
    { name: 'junit', file: 'a=b.xml' },
    { name: 'tap', file: 'out/x.tap' },
  ]);
  t.same(parseReporterSpecs([]), []);
  t.end();
});

t.test('what is refused, and with which words', (t) => {
  const refused = (text: string[], message: RegExp) =>
    t.throws(() => parseReporterSpecs(text), { name: ReporterSpecError.name, message });
  refused(['juint=x'], /no reporter "juint"; did you mean junit\? \(known: pretty, tap, json, junit/);
  refused(['spreadsheet'], /^there is no reporter "spreadsheet"; \(known: /);
  refused(['tap,'], /no reporter ""/);
  refused(['junit='], /names no file; write junit=FILE/);
  refused(['pretty', 'tap'], /^pretty and tap would both write to standard output/);
  refused(['json=a,junit=a'], /^json and junit would both write to a;/);
  t.end();
});
