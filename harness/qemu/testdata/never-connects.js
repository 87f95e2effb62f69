#!/usr/bin/env node
// Runs, and does nothing else.
process.stderr.write(`pid ${process.pid}\n`);
setInterval(() => {}, 1000);
