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
} else if (mustStartAgain()) {
  // The process stays the same one: its id, its terminal and its standard input.
  var env = { MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' };
  process.execve(
    process.execPath,
    [process.execPath].concat(process.execArgv, '--max-semi-space-size=2', process.argv.slice(1)),
    Object.assign({}, process.env, env),
  );
} else {
  require('./dist/main.cjs');
}

// A load takes 40 MB less with the memory settings of the job runner's pods (common/job-contract.ts), which only a new program takes.
// The pipes of a shell, as in <(…), would be closed.
function mustStartAgain() {
  return (
    process.argv[2] === 'load' &&
    process.platform === 'linux' &&
    typeof process.execve === 'function' &&
    process.env.MALLOC_TRIM_THRESHOLD_ === undefined &&
    !process.argv.some(function (argument) {
      return /^\/(dev|proc\/self)\/fd\//.test(argument);
    })
  );
}
