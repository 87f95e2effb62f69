#!/usr/bin/env node
// Says why, and is gone before it connects to anything.
process.stderr.write(`pid ${process.pid}\nqemu: could not open disk image\n`);
process.exitCode = 1;
