#!/usr/bin/env node
// The compiled command line; `npm start`, `npm test` and `npm run compile` make it.
import { existsSync } from 'node:fs';

const compiled = new URL('../dist/harness/cli/main.js', import.meta.url);
if (!existsSync(compiled)) {
  process.stderr.write(
    'loadbase is not compiled yet. Next: npm start (sets up everything), or npm ci && npm run compile\n',
  );
  process.exit(3);
}
const { main } = await import(compiled.href);
await main(process.argv.slice(2));
