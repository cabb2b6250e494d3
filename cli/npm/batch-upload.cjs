#!/usr/bin/env node
// Starts the command line. Every version of Node must be able to parse this file, so that an old one is told what to do.
'use strict';

var major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    'error: batch-upload needs Node 24 or later, and this is Node ' +
      process.versions.node +
      '. Install a newer one from https://nodejs.org, or run: npx -p node@24 -p batch-upload batch-upload\n',
  );
  process.exitCode = 2;
} else {
  require('./dist/main.cjs');
}
