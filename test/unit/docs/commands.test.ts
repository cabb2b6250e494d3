/**
 * Every command of the docs is run by a test or is a target of the Makefile, unless `<!-- example -->` stands above its block.
 * A command that needs no cluster is best run by run-commands.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { listBlocks, listCommands, PAGES, readProjectFile } from './markdown.ts';

interface Proof {
  command: RegExp;
  /** The file that runs the command, or runs it with other values. */
  runBy: string;
  /** The part of that file which runs the command. */
  by: string;
}

const PROOFS: readonly Proof[] = [
  { command: /^make test$/, runBy: '.ci/run', by: 'exec make test' },
  { command: /^make test-fast$/, runBy: 'Makefile', by: '@test/run.sh verify unit quick' },
  { command: /^make verify$/, runBy: 'test/run.sh', by: 'step verify make verify' },
  { command: /^make up$/, runBy: 'test/run.sh', by: 'step up make up' },
  { command: /^make bench( [A-Z]+=\S+)*$/, runBy: 'test/integration/bench.test.ts', by: 'await runPart(part, stage' },
  { command: /^make help$/, runBy: 'test/unit/docs/run-commands.test.ts', by: "exec('make', ['help']" },
  { command: /^make try$/, runBy: 'test/integration/cli-try.test.ts', by: "'@node test/demo/try.ts" },
  // Only people run these targets; the test checks that the target starts the program that its name says.
  { command: /^make demo$/, runBy: 'Makefile', by: '@node test/demo/main.ts\n' },
  { command: /^make down$/, runBy: 'Makefile', by: '@test/cluster/down.sh' },
  { command: /^make chaos$/, runBy: 'Makefile', by: '@vitest run --project chaos' },
  { command: /^make scale( [A-Z]+=\S+)*$/, runBy: 'Makefile', by: '@node test/scale/$(or $(SCALE),main).ts' },
  { command: /^make generate$/, runBy: 'Makefile', by: '@node tools/generate-reference.ts\n' },
  { command: /^make fix$/, runBy: 'Makefile', by: '@biome check --write .' },
  { command: /^make$/, runBy: 'Makefile', by: '.DEFAULT_GOAL := help' },
  { command: /^biome check \.$/, runBy: 'Makefile', by: '@biome check .' },
  { command: /^tsc --noEmit$/, runBy: 'Makefile', by: '@tsc --noEmit' },
  {
    command: /^vitest run --project [\w-]+( \S+)?( -t '.+')?$/,
    runBy: 'test/run.sh',
    by: 'vitest run --project "$1"',
  },
  { command: /^test\/run\.sh( [a-z0-9]+)*$/, runBy: 'Makefile', by: '@test/run.sh' },
  {
    command: /^node test\/support\/records\/generate-certifications\.ts /,
    runBy: 'test/unit/docs/run-commands.test.ts',
    by: "findInTutorial('node ')",
  },
  { command: /^helm upgrade (--install )?batch-upload /, runBy: 'test/e2e/chart.test.ts', by: '/^helm upgrade (' },
  {
    command: /^kubectl apply -f crds\/examples\/(recordschema|batchupload)-\w+\.yaml$/,
    runBy: 'test/e2e/crd.test.ts',
    by: "'apply', '-f', new URL(name, EXAMPLES).pathname",
  },
  {
    command: /^kubectl apply -f crds\/examples\/uploadsource-\w+\.yaml$/,
    runBy: 'test/e2e/source-crd.test.ts',
    by: "kubectl('apply', '-f', new URL(name, examples).pathname)",
  },
  {
    command: /^kubectl wait --for=condition=Complete batchupload\//,
    runBy: 'test/e2e/policies.test.ts',
    by: "'wait', ...wait)",
  },
  {
    command: /^(API=https:\/\/uploads\.example\.com|AUTH="|curl -sS --fail-with-body |jq (-r )?')/,
    runBy: 'test/e2e/gateway.test.ts',
    by: '/^## Upload by API',
  },
  { command: /^kubectl get batchuploads$/, runBy: 'test/demo/main.ts', by: "'get', 'batchuploads', ...finished" },
  { command: /^kubectl get uploadsources$/, runBy: 'test/demo/main.ts', by: "'get', 'uploadsources', ...arriving" },
];

describe.each(PAGES)('%s', (page) => {
  const markdown = readProjectFile(page);
  const commands = listCommands(markdown);

  it('its commands are run by a test, or marked as examples', () => {
    const unproven = commands.filter(
      ({ command, isExample }) => !isExample && !PROOFS.some((proof) => proof.command.test(command)),
    );
    expect(unproven.map(({ command }) => command)).toEqual([]);
  });

  it('vitest’s options name a project, and a test of the file', () => {
    for (const { command } of commands) {
      const [, project, file, name] = /^vitest run --project (\S+)(?: (\S+))?(?: -t '(.+)')?$/.exec(command) ?? [];
      if (project !== undefined) expect(readProjectFile('vitest.config.ts')).toContain(`name: '${project}'`);
      if (name !== undefined) expect(readProjectFile(file!)).toContain(name);
    }
  });

  it('each mark of an example stands above commands', () => {
    const marks = markdown.match(/^<!-- example -->$/gm) ?? [];
    expect(listBlocks(markdown).filter(({ isExample }) => isExample)).toHaveLength(marks.length);
  });
});

it.each(PROOFS)('$command is run by $runBy', ({ command, runBy, by }) => {
  expect(readProjectFile(runBy), `${command}`).toContain(by);
});

it.each(['README.md', 'charts/batch-upload/README.md'])(
  '%s installs the image that it has pushed, for a namespace that it has created',
  (page) => {
    const commands = listCommands(readProjectFile(page)).map(({ command }) => command);
    const [install] = commands.filter((command) => command.startsWith('helm upgrade --install batch-upload '));
    const [, repository] = / --set image\.repository=(\S+)/.exec(install!) ?? [];
    const [, namespace] = / --set uploads\.namespaces=\{([^}]+)\}/.exec(install!) ?? [];
    const [, tag] = /^appVersion: (.*)$/m.exec(readProjectFile('charts/batch-upload/Chart.yaml'))!;
    const earlier = commands.slice(0, commands.indexOf(install!));
    expect(earlier).toEqual(
      expect.arrayContaining([
        `docker build -t ${repository}:${tag} .`,
        `docker push ${repository}:${tag}`,
        `kubectl create namespace ${namespace}`,
      ]),
    );
  },
);
